//! WSGIAuthUserScript: who knows users and their passwords.

use super::ask::{Asked, ask};
use crate::apache::Request;
use crate::apache::providers::{self, User};
use crate::config::{HookScript, RequestExt};
use crate::serve::context::Returned;
use std::ffi::CStr;
use std::sync::Arc;
use wire::{Message, message as msg};

/// The provider.
pub struct Users;

impl providers::Users for Users {
    fn check_password(r: Request<'_>, user: &[u8], password: &[u8]) -> User {
        let Some(script) = script(r, msg::BASIC_WITHOUT_SCRIPT, "AuthBasicProvider") else {
            return User::Error;
        };
        let asked = Asked {
            name: "check_password",
            texts: &[user, password],
            items: false,
            missing: (msg::BASIC_WITHOUT_FUNCTION, "user authentication"),
        };
        match ask(r, script, &asked) {
            Some(Returned::Bool(true)) => User::Granted,
            Some(Returned::Bool(false)) => User::Denied,
            Some(Returned::None) => User::Unknown,
            Some(Returned::Text(name)) if name.is_empty() => {
                r.log(msg::BASIC_EMPTY_NAME, "Basic auth provider returned empty user name string.");
                User::Error
            }
            Some(Returned::Text(name)) if name.contains(&0) => {
                r.log(msg::BASIC_RESULT, "Basic auth provider returned a user name with a NUL in it.");
                User::Error
            }
            Some(Returned::Text(name)) => {
                r.set_user(r.pool().c_string(&name));
                User::Granted
            }
            Some(other) => {
                let text = format!(
                    "Basic auth provider must return True, False, None or user name as string, not {}",
                    other.kind()
                );
                r.log(msg::BASIC_RESULT, text);
                User::Error
            }
            None => User::Error,
        }
    }

    fn realm_hash<'r>(r: Request<'r>, user: &[u8], realm: &[u8]) -> Result<&'r CStr, User> {
        let script = script(r, msg::DIGEST_WITHOUT_SCRIPT, "AuthDigestProvider").ok_or(User::Error)?;
        let asked = Asked {
            name: "get_realm_hash",
            texts: &[user, realm],
            items: false,
            missing: (msg::DIGEST_WITHOUT_FUNCTION, "user authentication"),
        };
        match ask(r, script, &asked) {
            Some(Returned::None) => Err(User::Unknown),
            Some(Returned::Text(hash) | Returned::Bytes(hash)) if hash.is_empty() => {
                r.log(msg::DIGEST_EMPTY, "Digest auth provider returned empty string.");
                Err(User::Error)
            }
            Some(Returned::Text(hash) | Returned::Bytes(hash)) if hash.contains(&0) => {
                r.log(msg::DIGEST_RESULT, "Digest auth provider returned a hash with a NUL in it.");
                Err(User::Error)
            }
            Some(Returned::Text(hash) | Returned::Bytes(hash)) => Ok(r.pool().c_string(&hash)),
            Some(other) => {
                let text =
                    format!("Digest auth provider must return None or hash as string, not {}", other.kind());
                r.log(msg::DIGEST_RESULT, text);
                Err(User::Error)
            }
            None => Err(User::Error),
        }
    }
}

fn script<'r>(r: Request<'r>, message: Message, directive: &str) -> Option<&'r Arc<HookScript>> {
    let script = r.dir_config().auth_user_script.as_ref();
    if script.is_none() {
        let text =
            format!("{directive} names wsgi, but there is no WSGIAuthUserScript here: nobody can log in");
        r.log(message, text);
    }
    script
}
