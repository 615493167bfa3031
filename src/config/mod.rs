//! What the administrator wrote: one table of directives, and the structures their setters fill.
//!
//! Setters record what was typed and touch nothing else; what needs the whole configuration (which python, which
//! interpreter) is settled later, in `python`, `routing` and `check`.
#![deny(unsafe_code)]

mod alias;
pub mod daemon;
mod dir;
pub mod directives;
mod django;
mod entries;
mod import;
mod interpreters;
mod notices;
mod proxies;
mod script_alias;
mod scripts;
mod server;
pub mod socket;
mod table;

pub use alias::{Alias, Kind, Url};
pub use dir::{DirConfig, MapHead, Name, Preload};
pub use entries::{RequestExt, ServerExt, Wsgi};
pub use notices::Notices;
pub use proxies::{Category, HEADERS, Network, ProxyHeader, Reading};
pub use scripts::HookScript;
pub use server::{HashSeed, LogFormat, PythonConfig, ServerConfig, SocketConfig};
pub use table::{Directive, Httpd, Place, Setter};
