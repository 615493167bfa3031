//! The start board: a file in memory that the parent makes once and all its children inherit. The engine reads and
//! writes it; here it is only kept.

use super::os;
use crate::apache::{Pool, Server, hook, kept_number};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

/// Under what name the parent keeps the descriptor.
const NAME: &std::ffi::CStr = c"mod_wsgi start board";

static DESCRIPTOR: AtomicI64 = AtomicI64::new(-1);
static GENERATION: AtomicI64 = AtomicI64::new(0);

/// Makes it, or finds the one that an earlier reading of the configuration made.
pub struct Prepare;

impl hook::Configured for Prepare {
    fn run(_: Pool<'_>, _: Server<'_>) -> hook::Outcome {
        // The number kept is one more: 0 is none.
        let number = kept_number(NAME, || os::memory_file(NAME).map_or(0, |fd| fd as usize + 1));
        DESCRIPTOR.store(number as i64 - 1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        GENERATION.store(now.as_micros() as i64, Ordering::Relaxed);
        hook::Outcome::Go
    }
}

/// Its descriptor; -1: there is none, and each process is on its own.
pub fn descriptor() -> i32 {
    DESCRIPTOR.load(Ordering::Relaxed) as i32
}

/// Differs each time the configuration is read.
pub fn generation() -> i64 {
    GENERATION.load(Ordering::Relaxed)
}
