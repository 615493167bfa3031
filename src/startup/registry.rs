//! The start registry of Apache's children: a file in memory that the parent makes when it has read the configuration,
//! and the children of that configuration inherit. The engine reads and writes it; here it is only made, once for each
//! reading, so that no process of an earlier one can hold a lock of it. Processes of process groups have registries of
//! their own (`supervisor::registries`).

use crate::apache::{AtEnd, Pool, Server, hook};
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::time::SystemTime;

/// Name of the memory file.
const NAME: &std::ffi::CStr = c"mod_wsgi start board";

static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);
static GENERATION: AtomicI64 = AtomicI64::new(0);

/// Makes the start registry when a configuration has been read.
pub struct Prepare;

impl hook::Configured for Prepare {
    fn run(pool: Pool<'_>, _: Server<'_>) -> hook::Outcome {
        // Without one each process is on its own.
        DESCRIPTOR.store(make().map_or(-1, IntoRawFd::into_raw_fd), Ordering::Relaxed);
        pool.at_end::<Leave>();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        GENERATION.store(now.as_micros() as i64, Ordering::Relaxed);
        hook::Outcome::Go
    }
}

/// Makes a start registry. Whoever has its descriptor can neither grow nor shrink it.
pub fn make() -> std::io::Result<OwnedFd> {
    os::empty_memory(NAME, wire::REGISTRY_SIZE as usize)
}

/// In a child: its descriptor, of a description that no other process has, for flags and some locks belong to that. -1:
/// there is none.
pub fn take() -> RawFd {
    let shared = DESCRIPTOR.swap(-1, Ordering::Relaxed);
    match os::opened_anew(shared) {
        Ok(own) => {
            os::close(shared);
            own.into_raw_fd()
        }
        Err(_) => shared,
    }
}

/// The configuration goes, and its children have the registry.
struct Leave;

impl AtEnd for Leave {
    fn run() {
        leave();
    }
}

/// In a process that does not use it.
pub fn leave() {
    let shared = DESCRIPTOR.swap(-1, Ordering::Relaxed);
    if shared >= 0 {
        os::close(shared);
    }
}

/// Differs each time the configuration is read.
pub fn generation() -> i64 {
    GENERATION.load(Ordering::Relaxed)
}
