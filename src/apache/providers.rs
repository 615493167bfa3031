//! httpd's providers of authentication and authorization: who knows users, and who knows their groups (mod_auth.h).

use super::{Pool, Request, guard, sys};
use std::ffi::{CStr, c_char, c_void};

/// What a provider knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The password is wrong.
    Denied,
    /// The password is right.
    Granted,
    /// The next provider is asked.
    Unknown,
    /// Nobody is let in: 500.
    Error,
}

/// Knows users: `AuthBasicProvider` and `AuthDigestProvider`.
pub trait Users {
    /// Whether this is the user's password.
    fn check_password(r: Request<'_>, user: &[u8], password: &[u8]) -> User;
    /// The MD5 of `user:realm:password`, in hexadecimal.
    fn realm_hash<'r>(r: Request<'r>, user: &[u8], realm: &[u8]) -> Result<&'r CStr, User>;
}

/// What a provider says of a user and a `Require`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The requirement is not met.
    Denied,
    /// It is met.
    Granted,
    /// There is no user yet: httpd asks for one.
    NoUser,
    /// It cannot be decided: 500. Not [`Verdict::Denied`], of which `Require not` makes a reason to let everybody in.
    Error,
}

/// Decides a `Require`.
pub trait Requirement {
    /// Whether it is met by the user of the request. `line` is what stands behind the requirement's name.
    fn check(r: Request<'_>, line: &[u8]) -> Verdict;
}

/// # Safety
/// A C string that lives as the request it is passed with.
unsafe fn text<'r>(c: *const c_char) -> &'r [u8] {
    // SAFETY: says the caller.
    if c.is_null() { b"" } else { unsafe { CStr::from_ptr(c).to_bytes() } }
}

extern "C" fn check_password<T: Users>(
    r: *mut sys::request_rec,
    user: *const c_char,
    password: *const c_char,
) -> sys::authn_status {
    guard(sys::authn_status_AUTH_GENERAL_ERROR, || {
        // SAFETY: httpd passes a live request to one thread, and strings that live as it.
        let (r, user, password) = unsafe { (Request::from_raw(r), text(user), text(password)) };
        status(T::check_password(r, user, password))
    })
}

extern "C" fn realm_hash<T: Users>(
    r: *mut sys::request_rec,
    user: *const c_char,
    realm: *const c_char,
    hash: *mut *mut c_char,
) -> sys::authn_status {
    guard(sys::authn_status_AUTH_GENERAL_ERROR, || {
        // SAFETY: as above; httpd takes the hash from `hash`, and does not write to it.
        unsafe {
            match T::realm_hash(Request::from_raw(r), text(user), text(realm)) {
                Ok(found) => {
                    *hash = found.as_ptr().cast_mut();
                    sys::authn_status_AUTH_USER_FOUND
                }
                Err(user) => status(user),
            }
        }
    })
}

fn status(user: User) -> sys::authn_status {
    match user {
        User::Denied => sys::authn_status_AUTH_DENIED,
        User::Granted => sys::authn_status_AUTH_GRANTED,
        User::Unknown => sys::authn_status_AUTH_USER_NOT_FOUND,
        User::Error => sys::authn_status_AUTH_GENERAL_ERROR,
    }
}

extern "C" fn check_requirement<T: Requirement>(
    r: *mut sys::request_rec,
    line: *const c_char,
    _: *const c_void,
) -> sys::authz_status {
    guard(sys::authz_status_AUTHZ_GENERAL_ERROR, || {
        // SAFETY: httpd passes a live request to one thread, and a string of the configuration.
        match T::check(unsafe { Request::from_raw(r) }, unsafe { text(line) }) {
            Verdict::Denied => sys::authz_status_AUTHZ_DENIED,
            Verdict::Granted => sys::authz_status_AUTHZ_GRANTED,
            Verdict::NoUser => sys::authz_status_AUTHZ_DENIED_NO_USER,
            Verdict::Error => sys::authz_status_AUTHZ_GENERAL_ERROR,
        }
    })
}

/// The table of functions that httpd asks about users; registered by [`users`].
pub const fn users_table<T: Users>() -> sys::authn_provider {
    sys::authn_provider { check_password: Some(check_password::<T>), get_realm_hash: Some(realm_hash::<T>) }
}

/// The table of functions that httpd asks about a requirement; registered by [`requirement`].
pub const fn requirement_table<T: Requirement>() -> sys::authz_provider {
    sys::authz_provider { check_authorization: Some(check_requirement::<T>), parse_require_line: None }
}

/// Registers who knows users, as `name` of AuthBasicProvider and AuthDigestProvider.
pub fn users(pool: Pool<'_>, name: &'static CStr, table: &'static sys::authn_provider) {
    register(pool, sys::AUTHN_PROVIDER_GROUP, name, sys::AUTHN_PROVIDER_VERSION, (&raw const *table).cast());
}

/// Registers who decides `Require name …`.
pub fn requirement(pool: Pool<'_>, name: &'static CStr, table: &'static sys::authz_provider) {
    register(pool, sys::AUTHZ_PROVIDER_GROUP, name, sys::AUTHZ_PROVIDER_VERSION, (&raw const *table).cast());
}

fn register(
    pool: Pool<'_>,
    group: &'static [u8],
    name: &'static CStr,
    version: &'static [u8],
    table: *const c_void,
) {
    let kind = sys::AP_AUTH_INTERNAL_PER_CONF as i32;
    // SAFETY: called while hooks are registered; strings, which end in NUL, and table are static.
    unsafe {
        sys::ap_register_auth_provider(
            pool.raw(),
            group.as_ptr().cast(),
            name.as_ptr(),
            version.as_ptr().cast(),
            table,
            kind,
        );
    }
}
