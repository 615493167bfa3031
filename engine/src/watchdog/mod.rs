//! The watchdog: a thread that ends what hangs and says where.
//!
//! It ends attempts beyond their deadline ([`watch`]), undoes deadlocks of imports ([`imports`]), names slow requests
//! ([`slow`]), and writes reports on where threads stand ([`report`](mod@report), and [`blocked`](mod@blocked) where nobody gets the GIL). How long threads wait for the GIL a thread of its
//! own finds out ([`gil`]).
#![forbid(unsafe_code)]

mod blocked;
mod frames;
mod gil;
mod imports;
mod report;
mod slow;
mod watch;

pub use blocked::lines as blocked;
pub use frames::{Found, Frames};
pub use gil::{waited as waited_for_gil, waited_for as awaited_gil, watch as watch_gil};
pub use imports::interrupt_request;
pub use report::threads;
pub use watch::{report_now as report, start, stop};
