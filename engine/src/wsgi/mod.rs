//! WSGI (PEP 3333): one request through one application. It knows neither httpd nor sockets, only a [`Link`].
//!
//! [`ask()`] calls functions of scripts that the server itself asks.
//! [`serve()`] finds the application and has it started if need be, [`run`](mod@run) calls it, [`events`] tells those who
//! subscribed to its requests, [`respond`] sends what it answers. Where it does not start, or has raised,
//! [`refuse`](mod@refuse) answers with a [`page`](mod@page).
//! [`protocol`] is what the start of applications knows of all this.
//!
//! [`Link`]: crate::requests::Link
#![forbid(unsafe_code)]

mod adapter;
mod answer;
mod ask;
mod call;
mod current;
mod environ;
mod events;
mod failed;
mod hop;
mod input;
mod keys;
mod objects;
mod page;
mod protocol;
mod refuse;
mod respond;
mod run;
mod serve;
mod tls;
mod validate;
mod warm;
mod watched;

pub use ask::{Ask, ask};
pub use environ::{Facts, declared_length, now, resource};
pub use failed::error;
pub use protocol::start;
pub use refuse::Pages;
pub use serve::{Request, serve};
