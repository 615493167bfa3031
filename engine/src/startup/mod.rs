//! Starting an application is a step of its own: done once, alone, before any request, with its outcome known, told and
//! acted upon.
//!
//! * [`App`] is an application, and [`progress`] says where its start stands; [`start()`] has it started, as [`decision`] says.
//! * An [`Attempt`] has a permit of the [`registry`] that processes share, runs on python-main, in an interpreter that no
//!   failed attempt has spoiled, and writes its [`verdict`] down for all processes ([`record`]).
//! * Requests wait for the start, and run one at a time at first ([`first`]).
#![forbid(unsafe_code)]

mod advice;
mod app;
mod applications;
mod attempt;
mod chosen;
mod claims;
mod current;
mod deaths;
mod decision;
mod failure;
mod first;
mod load;
mod notices;
mod packages;
mod permits;
mod place;
mod progress;
mod record;
mod registry;
mod script;
mod several;
mod shared;
mod start;
mod state;
mod stop;
mod verdict;

pub use advice::advice;
pub use app::{App, Seen, Serving};
pub use applications::{Applications, Protocol, application, get, most_waiting, own_files, run};
pub use attempt::Attempt;
pub use current::{current, end as end_attempt};
pub use first::Turn;
pub use place::Place;
pub use record::{Cause, Record};
pub use script::Script;
pub use several::{enter, follow};
pub use start::{Refusal, preload, start};
pub use stop::{leave, stop};
