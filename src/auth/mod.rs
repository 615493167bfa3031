//! Scripts that say who may see what: WSGIAccessScript, WSGIAuthUserScript, WSGIAuthGroupScript.
//!
//! They run in Apache's children, whichever process group serves the request. Whatever goes wrong, nobody is let in.
#![deny(unsafe_code)]

mod access;
mod ask;
mod groups;
mod users;

pub use access::Access;
pub use groups::Groups;
pub use users::Users;

use crate::apache::providers::{requirement, requirement_table, users, users_table};
use crate::apache::{Pool, sys};

static USERS: sys::authn_provider = users_table::<Users>();
static GROUPS: sys::authz_provider = requirement_table::<Groups>();

/// Registers the providers that configurations know as `wsgi` and `wsgi-group`.
pub fn register(pool: Pool<'_>) {
    users(pool, c"wsgi", &USERS);
    requirement(pool, c"wsgi-group", &GROUPS);
}
