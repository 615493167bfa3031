//! WSGISocketPrefix, WSGISocketRotation and WSGIAcceptMutex: where the sockets of process groups are.

use super::ServerConfig;
use super::table::Place;
use crate::apache::{Pool, runtime_path};

/// The kinds of mutex that httpd has on this platform.
const MUTEXES: [&str; 6] = ["default", "flock", "fcntl", "sysvsem", "posixsem", "pthread"];

/// What the names of sockets begin with.
pub fn prefix(pool: Pool<'_>, config: &ServerConfig) -> Vec<u8> {
    config.socket.prefix.clone().unwrap_or_else(|| runtime_path(pool, c"wsgi"))
}

/// The setter of WSGISocketPrefix.
pub fn set_prefix(place: &mut Place<'_>, value: &[u8]) -> Result<(), String> {
    let prefix = place.httpd.absolute(value).filter(|_| !value.is_empty()).ok_or_else(|| {
        let value = wire::shown(value);
        format!(
            "Invalid WSGISocketPrefix '{value}'. It must be a path: the names of the sockets begin with it"
        )
    })?;
    place.server.socket.prefix = Some(prefix);
    Ok(())
}

/// The setter of WSGIAcceptMutex: nothing is kept, but a slip is found.
pub fn check_mutex(value: &[u8]) -> Result<(), String> {
    if MUTEXES.iter().any(|name| value.eq_ignore_ascii_case(name.as_bytes())) {
        return Ok(());
    }
    Err(format!(
        "Accept mutex lock mechanism '{}' is invalid. Valid accept mutex mechanisms for this platform are: {}.",
        wire::shown(value),
        MUTEXES.join(", ")
    ))
}
