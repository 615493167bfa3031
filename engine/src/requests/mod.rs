//! What requests of every protocol have in common: the way in and out, and that they run.
#![forbid(unsafe_code)]

mod about;
mod active;
mod link;
mod named;
mod observed;
mod running;
mod tally;

pub use about::About;
pub use active::{ActiveRequest, Interrupt};
pub use link::{Block, Link};
pub use named::Named;
pub use observed::Observed;
pub use running::Running;
pub use tally::Tally;
