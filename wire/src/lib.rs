//! What the two halves of mod_wsgi say to each other.
//!
//! The Apache half (`mod_wsgi.so`) knows httpd and no Python; the Python half (`_mod_wsgi.abi3.so`, "the engine")
//! knows Python and no httpd. In embedded mode both are in one process and meet in [`door`]: two tables of C
//! functions and the plain structures they pass. No I/O happens here and nothing here allocates.

pub mod door;
pub mod level;
pub mod message;
pub mod slice;

pub use level::Level;
pub use message::Message;
pub use slice::{Pair, Slice};
