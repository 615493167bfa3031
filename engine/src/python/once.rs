//! The extension module that Python loads: the functions `embed(address)` and `work()`, of which the bootstrap calls one.

use super::class::guarded;
use super::{Bound, Problem, Py, Result, ffi};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the module's functions do. One of them runs, once, attached, on the thread that runs Python's start; it takes over
/// the thread, and answers when the process is to go on without us.
pub trait Entry {
    /// The table of the Apache half.
    type Host;
    /// In an Apache child.
    ///
    /// # Safety
    /// `host` is the table of the process, which lives as long. No other thread uses the environment.
    unsafe fn embed(py: Py<'_>, host: NonNull<Self::Host>) -> Result<()>;
    /// In a process of our own.
    fn work(py: Py<'_>) -> Result<()>;
}

/// Applications can call these functions, too: that is refused, for the bootstrap came first.
fn once(py: Py<'_>) -> Result<()> {
    static CALLED: AtomicBool = AtomicBool::new(false);
    match CALLED.swap(true, Ordering::SeqCst) {
        true => Err(Problem::Runtime.raise(py, "_mod_wsgi is for the start of the process alone")),
        false => Ok(()),
    }
}

extern "C" fn work<E: Entry>(_: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guarded(|py| {
        once(py)?;
        E::work(py)?;
        Ok(Bound::none(py))
    })
}

extern "C" fn embed<E: Entry>(_: *mut ffi::PyObject, address: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guarded(|py| {
        // SAFETY: METH_O passes one live object.
        let address = unsafe { Bound::borrowed(py, address)? }.as_int()?;
        once(py)?;
        let host = NonNull::new(address as usize as *mut E::Host)
            .ok_or_else(|| Problem::Value.raise(py, "no table at address 0"))?;
        // SAFETY: the first call is the bootstrap's, into which the Apache half put the address of its table. Its other threads
        // wait for this one.
        unsafe { E::embed(py, host)? };
        Ok(Bound::none(py))
    })
}

/// The definition of the module, for `PyInit__mod_wsgi`.
pub fn module_definition<E: Entry>() -> *mut c_void {
    let methods = vec![
        ffi::PyMethodDef {
            ml_name: c"embed".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: embed::<E> },
            ml_flags: ffi::METH_O,
            ml_doc: c"Meets the Apache half at an address; for the bootstrap alone.".as_ptr(),
        },
        ffi::PyMethodDef {
            ml_name: c"work".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: work::<E> },
            ml_flags: ffi::METH_NOARGS,
            ml_doc: c"Serves a process group; for the bootstrap alone.".as_ptr(),
        },
        ffi::PyMethodDef::zeroed(),
    ];
    let definition = Box::leak(Box::new(ffi::PyModuleDef {
        m_base: ffi::PyModuleDef_HEAD_INIT,
        m_name: c"_mod_wsgi".as_ptr(),
        m_doc: c"The engine of mod_wsgi.".as_ptr(),
        m_size: 0,
        m_methods: Box::leak(methods.into_boxed_slice()).as_mut_ptr(),
        m_slots: Box::leak(Box::new([ffi::PyModuleDef_Slot::default()])).as_mut_ptr(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    }));
    // SAFETY: a definition that lives as the process, as multi-phase initialisation wants it (PEP 489).
    unsafe { ffi::PyModuleDef_Init(definition).cast() }
}
