//! What requests of every protocol have in common: the way in and out, and that they run.
#![forbid(unsafe_code)]

mod about;
mod active;
mod counted;
mod link;
mod measured;

pub use about::About;
pub use active::{ActiveRequest, Interrupt, Running};
pub use counted::{Counted, Counts};
pub use link::{Block, Link};
pub use measured::Measured;
