//! What the two halves of mod_wsgi say to each other.
//!
//! The Apache half (`mod_wsgi.so`) knows httpd and no Python; the Python half (`_mod_wsgi.abi3.so`, "the engine")
//! knows Python and no httpd. In embedded mode both are in one process and meet in [`abi`]: two tables of C
//! functions and the plain structures they pass. In daemon mode the engine is in a worker process: [`frame`]s on a
//! connection carry requests, [`scoreboard`] in shared memory say which thread is idle, [`control`] messages go between the
//! worker and its supervisor, those of the worker through a [`ring`], and [`worker`] is what a worker is told when it
//! starts. No I/O happens here, but that [`scripts`] looks at files.

pub mod abi;
pub mod backoff;
pub mod codec;
pub mod control;
pub mod exit_rule;
pub mod frame;
pub mod gil;
pub mod httpd;
pub mod json;
pub mod ledger;
pub mod lent;
pub mod level;
pub mod message;
pub mod origin;
pub mod page;
pub mod plan;
#[cfg(test)]
mod properties;
pub mod question;
pub mod request;
pub mod ring;
pub mod scoreboard;
pub mod scripts;
pub mod settings;
pub mod slice;
pub mod stamp;
pub mod starts;
pub mod window;
pub mod words;
pub mod worker;

pub use lent::Lent;
pub use level::Level;
pub use message::Message;
pub use origin::Origin;
pub use slice::{Buffer, Pair, Slice};
pub use stamp::Stamp;

/// Bytes as a log line shows them: what is no UTF-8 becomes U+FFFD.
pub fn shown(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Bytes of a start registry, whose size is fixed by whoever makes it; what stands where is the engine's.
pub const REGISTRY_SIZE: u64 = 17 << 20;

/// Memory that processes share: any bytes are a value of the type, and whoever writes there at the same time does no harm to
/// the memory of others.
///
/// # Safety
/// The type is made of atomics, and of nothing else but padding.
pub unsafe trait Shared {}

// SAFETY: one atomic.
unsafe impl Shared for std::sync::atomic::AtomicU32 {}
// SAFETY: atomics, behind which slots of atomics stand.
unsafe impl Shared for scoreboard::Scoreboard {}
// SAFETY: atomics.
unsafe impl Shared for ledger::Ledger {}
// SAFETY: atomics.
unsafe impl Shared for ring::Ring {}
// SAFETY: atomics.
unsafe impl Shared for window::Window {}
