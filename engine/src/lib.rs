//! The Python half of mod_wsgi, "the engine": interpreters, thread states and WSGI.
//!
//! It is an extension module on the stable ABI that Python itself loads (`_mod_wsgi.abi3.so`), one file for every
//! CPython from 3.11 on. It knows nothing of httpd; requests reach it through [`requests::Link`].
//!
//! The folders, each of which knows only those before it: `python`, `host`, `metrics`, `runtime`, `requests`, `startup`, `watchdog`,
//! `inspect`, `telemetry`, `wsgi`, and then `worker` and `embedded`. `tests/artifacts/layers.rs` sees to that.

pub mod admission;
pub mod embedded;
pub mod host;
pub mod inspect;
pub mod metrics;
pub mod python;
pub mod requests;
pub mod runtime;
pub mod startup;
pub mod telemetry;
pub mod watchdog;
pub mod worker;
pub mod wsgi;

#[cfg(test)]
mod tests;

// The libpython that the unit tests are linked to; build.rs finds it.
#[cfg(test)]
include!(concat!(env!("OUT_DIR"), "/libpython.rs"));

/// What the bootstrap of a process calls.
struct Bootstrap;

impl python::Entry for Bootstrap {
    type Host = wire::abi::Host;

    unsafe fn embed(py: python::Py<'_>, host: std::ptr::NonNull<Self::Host>) -> python::Result<()> {
        // SAFETY: says the caller.
        unsafe { embedded::embed(py, host) }
    }

    fn work(py: python::Py<'_>) -> python::Result<()> {
        worker::work(py)
    }
}

/// What Python calls when it loads the module (PEP 489).
#[unsafe(no_mangle)]
pub extern "C" fn PyInit__mod_wsgi() -> *mut std::ffi::c_void {
    python::module_definition::<Bootstrap>()
}
