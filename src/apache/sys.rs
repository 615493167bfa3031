//! httpd's and APR's C interface as bindgen sees it. Only this folder may look inside.
#![allow(warnings, clippy::all, clippy::undocumented_unsafe_blocks, missing_docs)]
include!(concat!(env!("OUT_DIR"), "/httpd.rs"));
