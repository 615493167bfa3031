//! WSGIAccessScript: who may come in, by where he comes from.

use super::ask::{Asked, ask};
use crate::apache::{Request, Status, hook};
use crate::config::RequestExt;
use crate::serve::context::Returned;
use wire::message as msg;

/// The access hook.
pub struct Access;

impl hook::Access for Access {
    fn run(r: Request<'_>) -> Status {
        let Some(script) = &r.dir_config().access_script else { return Status::DECLINED };
        let path = || wire::shown(&script.path);
        let asked = Asked {
            name: "allow_access",
            texts: &[r.client_host()],
            items: false,
            missing: (msg::ACCESS_WITHOUT_FUNCTION, "client access"),
        };
        match ask(r, script, &asked) {
            Some(Returned::Bool(true)) => return Status::OK,
            Some(Returned::None) => return Status::DECLINED,
            Some(Returned::Bool(false)) => {
                let file = wire::shown(r.filename());
                let text = format!(
                    "Client denied by server configuration: '{file}' (allow_access() of '{}' returned False)",
                    path()
                );
                r.log(msg::ACCESS_DENIED, text);
            }
            Some(other) => {
                let text = format!(
                    "allow_access() of '{}' must return True, False or None, not {}; access denied",
                    path(),
                    other.kind()
                );
                r.log(msg::ACCESS_RESULT, text);
            }
            None => {}
        }
        Status(403)
    }
}
