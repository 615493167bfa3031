//! The watchdog: a thread that ends what hangs and says where.
//!
//! It ends attempts beyond their deadline ([`watch`]), undoes deadlocks of imports ([`imports`]), names slow requests
//! ([`slow`]), and writes reports on where threads stand ([`report`](mod@report)).
#![forbid(unsafe_code)]

mod frames;
mod imports;
mod report;
mod slow;
mod watch;

#[cfg(test)]
pub use frames::Frames;
pub use imports::interrupt_request;
pub use watch::{report_now as report, start, stop};
