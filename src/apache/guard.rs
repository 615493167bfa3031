//! The fence around every function that httpd calls.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; a panic in it is logged and `otherwise` is the answer. Every `extern "C"` function that httpd
/// calls is one call of this, so no panic reaches C.
pub fn guard<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}
