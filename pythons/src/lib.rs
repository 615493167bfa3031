//! Finds a python, tries it out, and says in a sentence what is wrong with it.
//!
//! [`Search`] is the question: where to look, as which user, and how long that may take. The answer is a [`Python`] or a
//! [`Problem`]. A candidate is run once, in a process of its own that has the rights of that user and nothing of the caller's
//! ([`apart`]); so are all questions about files, which may be on a file system that never answers.
//!
//! Nothing here knows httpd or its configuration.
#![deny(unsafe_code)]

mod access;
mod apart;
mod find;
mod home;
mod keeper;
mod probe;
mod problem;
mod system;
mod user;

#[cfg(test)]
mod tests;

pub use access::{Closed, Obstacle, obstacle, read, unreadable};
pub use find::Search;
pub use probe::Python;
pub use problem::{Kind, Problem};
pub use system::other_libpython;
pub use user::User;
