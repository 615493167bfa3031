//! What requests of every protocol have in common: the way in and out, and that they run.
#![forbid(unsafe_code)]

mod about;
mod active;
mod link;
mod observed;
mod tally;

pub use about::About;
pub use active::{ActiveRequest, Interrupt, Running};
pub use link::{Block, Link};
pub use observed::Observed;
pub use tally::Tally;
