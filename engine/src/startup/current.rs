//! The attempt that is being made: the watchdog looks at it, and so does the end of the process.

use super::attempt::Attempt;
use crate::runtime::alarm;
use os::lock;
use std::sync::{Arc, Mutex};

static CURRENT: Mutex<Option<Arc<Attempt>>> = Mutex::new(None);

/// An attempt's time begins.
pub fn begin(attempt: &Arc<Attempt>) {
    *lock(&CURRENT) = Some(attempt.clone());
    alarm::ring();
}

/// An attempt has ended.
pub fn end(attempt: &Arc<Attempt>) {
    let mut current = lock(&CURRENT);
    if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, attempt)) {
        *current = None;
    }
}

/// The attempt that is being made.
pub fn current() -> Option<Arc<Attempt>> {
    lock(&CURRENT).clone()
}
