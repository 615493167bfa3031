//! Python objects from Rust values, and back.

use super::{Bound, Problem, Py, Raised, Result, ffi};
use std::borrow::Cow;
use std::ffi::{CStr, c_char};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

impl<'py> Bound<'py> {
    /// `None`
    pub fn none(py: Py<'py>) -> Self {
        // SAFETY: a static that is always alive.
        unsafe { Bound::borrowed(py, ffi::Py_None()) }.unwrap_or_else(|_| unreachable!("None is not null"))
    }

    /// `True` or `False`
    pub fn bool(py: Py<'py>, value: bool) -> Self {
        // SAFETY: statics that are always alive.
        unsafe { Bound::borrowed(py, if value { ffi::Py_True() } else { ffi::Py_False() }) }
            .unwrap_or_else(|_| unreachable!("booleans are not null"))
    }

    /// An `int`
    pub fn int(py: Py<'py>, value: i64) -> Result<Self> {
        // SAFETY: makes an object of a number.
        unsafe { Bound::owned(py, ffi::PyLong_FromLongLong(value)) }
    }

    /// A `float`
    pub fn float(py: Py<'py>, value: f64) -> Result<Self> {
        // SAFETY: makes an object of a number.
        unsafe { Bound::owned(py, ffi::PyFloat_FromDouble(value)) }
    }

    /// A `str` of UTF-8 text
    pub fn str(py: Py<'py>, text: &str) -> Result<Self> {
        // SAFETY: copies a live slice.
        unsafe {
            Bound::owned(py, ffi::PyUnicode_FromStringAndSize(chars(text.as_bytes()), text.len() as isize))
        }
    }

    /// A `str` whose code points are the bytes (PEP 3333, "Unicode Issues")
    pub fn latin1(py: Py<'py>, text: &[u8]) -> Result<Self> {
        // SAFETY: copies a live slice.
        unsafe {
            Bound::owned(
                py,
                ffi::PyUnicode_DecodeLatin1(chars(text), text.len() as isize, c"strict".as_ptr()),
            )
        }
    }

    /// A `str` for a path, as `os.fsdecode` makes it
    pub fn path(py: Py<'py>, text: &[u8]) -> Result<Self> {
        // SAFETY: copies a live slice.
        unsafe { Bound::owned(py, ffi::PyUnicode_DecodeFSDefaultAndSize(chars(text), text.len() as isize)) }
    }

    /// A `str` that is the key of many dictionaries
    pub fn interned(py: Py<'py>, text: &[u8]) -> Result<Self> {
        let mut ptr = Bound::latin1(py, text)?.into_ptr();
        // SAFETY: takes our reference and answers one, of the same or of an equal object.
        unsafe {
            ffi::PyUnicode_InternInPlace(&mut ptr);
            Bound::owned(py, ptr)
        }
    }

    /// A `bytes`
    pub fn bytes(py: Py<'py>, data: &[u8]) -> Result<Self> {
        // SAFETY: copies a live slice.
        unsafe { Bound::owned(py, ffi::PyBytes_FromStringAndSize(chars(data), data.len() as isize)) }
    }

    /// A `bytes` of `len` bytes that `fill` writes, without the GIL; it answers how many it wrote.
    pub fn bytes_filled<E: Send>(
        py: Py<'py>,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<usize, E> + Send,
    ) -> Result<std::result::Result<Self, E>> {
        // SAFETY: makes an object; one that nobody else has seen may be written (CPython doc,
        // PyBytes_FromStringAndSize).
        let object =
            unsafe { Bound::owned(py, ffi::PyBytes_FromStringAndSize(std::ptr::null(), len as isize))? };
        // SAFETY: the object's bytes, uninitialised and nobody else's.
        let room = unsafe {
            let start = ffi::PyBytes_AsString(object.ptr()).cast::<u8>();
            std::slice::from_raw_parts_mut(start.cast::<std::mem::MaybeUninit<u8>>(), len)
        };
        let filled = py.detached(move || {
            room.fill(std::mem::MaybeUninit::new(0));
            // SAFETY: every byte was just written.
            fill(unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), len) })
        });
        match filled {
            Ok(count) if count == len => Ok(Ok(object)),
            Ok(count) => Bound::bytes(py, &object.as_bytes().unwrap_or_default()[..count]).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// `bytes(self)` of a bytes-like object
    pub fn to_bytes(&self) -> Result<Self> {
        if self.is_str() || self.is_none() {
            return Err(Problem::Type.raise(
                self.py(),
                format_args!("a bytes-like object is required, not {}", self.type_name()),
            ));
        }
        // SAFETY: a live object; what has no bytes raises.
        unsafe { Bound::owned(self.py(), ffi::PyBytes_FromObject(self.ptr())) }
    }

    /// A `PyCapsule` without a name: an address for C code, which knows what lies there and until when.
    pub fn capsule(py: Py<'py>, address: NonZeroUsize) -> Result<Self> {
        // SAFETY: keeps the address, which is not null, and never looks there.
        unsafe {
            let pointer = std::ptr::with_exposed_provenance_mut(address.get());
            Bound::owned(py, ffi::PyCapsule_New(pointer, std::ptr::null(), None))
        }
    }

    /// A `tuple`
    pub fn tuple(py: Py<'py>, items: &[&Bound<'_>]) -> Result<Self> {
        // SAFETY: a new tuple whose every item is set before anybody sees it; SetItem takes the reference.
        unsafe {
            let tuple = Bound::owned(py, ffi::PyTuple_New(items.len() as isize))?;
            for (index, item) in items.iter().enumerate() {
                ffi::PyTuple_SetItem(tuple.ptr(), index as isize, (*item).clone().into_ptr());
            }
            Ok(tuple)
        }
    }

    /// An empty `dict`
    pub fn dict(py: Py<'py>) -> Result<Self> {
        // SAFETY: makes an object.
        unsafe { Bound::owned(py, ffi::PyDict_New()) }
    }

    /// A `list` of owned items
    pub fn list(py: Py<'py>, items: Vec<Bound<'py>>) -> Result<Self> {
        // SAFETY: as for `tuple`.
        unsafe {
            let list = Bound::owned(py, ffi::PyList_New(items.len() as isize))?;
            for (index, item) in items.into_iter().enumerate() {
                ffi::PyList_SetItem(list.ptr(), index as isize, item.into_ptr());
            }
            Ok(list)
        }
    }

    /// A module that is imported already, or is now.
    pub fn import(py: Py<'py>, name: &CStr) -> Result<Self> {
        // SAFETY: a C string.
        unsafe { Bound::owned(py, ffi::PyImport_ImportModule(name.as_ptr())) }
    }

    /// A new module object, in no `sys.modules`, with `__builtins__` in it.
    pub fn module(py: Py<'py>, name: &CStr) -> Result<Self> {
        // SAFETY: a C string; the builtins are a live dict.
        unsafe {
            let module = Bound::owned(py, ffi::PyModule_New(name.as_ptr()))?;
            let builtins = Bound::borrowed(py, ffi::PyEval_GetBuiltins())?;
            module.set_attr(c"__builtins__", &builtins)?;
            Ok(module)
        }
    }

    /// Compiles Python source. Tracebacks show `file`.
    pub fn compile(py: Py<'py>, source: &CStr, file: &CStr) -> Result<Self> {
        // SAFETY: C strings; the answer is a new reference.
        unsafe { Bound::owned(py, ffi::Py_CompileString(source.as_ptr(), file.as_ptr(), ffi::Py_file_input)) }
    }

    /// Runs compiled source in a module's namespace.
    pub fn run(&self, code: &Bound<'_>) -> Result<()> {
        let dict = self.module_dict()?;
        // SAFETY: a live object, which must be code or this raises, and a module's dict as globals and locals.
        unsafe { Bound::owned(self.py(), ffi::PyEval_EvalCode(code.ptr(), dict.ptr(), dict.ptr())).map(drop) }
    }

    /// The bytes of a `bytes` (or of an instance of a subclass); `None` for anything else.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        // SAFETY: bytes never change, and live as long as the object, which we borrow.
        unsafe {
            if ffi::PyType_IsSubtype(ffi::Py_TYPE(self.ptr()), &raw mut ffi::PyBytes_Type) == 0 {
                return None;
            }
            let len = ffi::PyBytes_Size(self.ptr()) as usize;
            Some(std::slice::from_raw_parts(ffi::PyBytes_AsString(self.ptr()).cast(), len))
        }
    }

    /// `str` or a subclass of it
    pub fn is_str(&self) -> bool {
        // SAFETY: a live object.
        unsafe { ffi::PyType_IsSubtype(ffi::Py_TYPE(self.ptr()), &raw mut ffi::PyUnicode_Type) != 0 }
    }

    /// The UTF-8 text of a `str`; raises for anything else, and for lone surrogates.
    pub fn utf8(&self) -> Result<&str> {
        let mut len = 0;
        // SAFETY: Python keeps the UTF-8 form with the object, which we borrow; it is valid UTF-8.
        unsafe {
            let start = ffi::PyUnicode_AsUTF8AndSize(self.ptr(), &mut len);
            if start.is_null() {
                return Err(Raised);
            }
            Ok(std::str::from_utf8_unchecked(std::slice::from_raw_parts(start.cast(), len as usize)))
        }
    }

    /// The text as an owned `String`; see [`Bound::utf8`].
    pub fn text(&self) -> Result<String> {
        self.utf8().map(str::to_owned)
    }

    /// The text of a `str` for a log: what UTF-8 cannot hold is `?`.
    pub fn lossy(&self) -> Cow<'_, [u8]> {
        match self.utf8() {
            Ok(text) => Cow::Borrowed(text.as_bytes()),
            Err(raised) => {
                raised.forget(self.py());
                // SAFETY: a live str (else it raises).
                let encoded = unsafe {
                    Bound::owned(
                        self.py(),
                        ffi::PyUnicode_AsEncodedString(self.ptr(), c"utf-8".as_ptr(), c"replace".as_ptr()),
                    )
                };
                match encoded {
                    Ok(bytes) => Cow::Owned(bytes.as_bytes().unwrap_or_default().to_vec()),
                    Err(raised) => {
                        raised.forget(self.py());
                        Cow::Borrowed(b"?")
                    }
                }
            }
        }
    }

    /// The code points of a `str` as bytes; raises UnicodeEncodeError if one is above 255.
    pub fn as_latin1(&self) -> Result<Cow<'_, [u8]>> {
        let utf8 = self.utf8()?;
        if utf8.is_ascii() {
            return Ok(Cow::Borrowed(utf8.as_bytes()));
        }
        // SAFETY: a live str.
        let bytes = unsafe { Bound::owned(self.py(), ffi::PyUnicode_AsLatin1String(self.ptr()))? };
        Ok(Cow::Owned(bytes.as_bytes().unwrap_or_default().to_vec()))
    }

    /// `len(self)` as an object
    pub fn length(&self) -> Result<Bound<'py>> {
        // SAFETY: a live object.
        match unsafe { ffi::PyObject_Size(self.ptr()) } {
            -1 => Err(Raised),
            length => Bound::int(self.py(), length as i64),
        }
    }

    /// The value of an `int` (or what has `__index__`); raises for anything else.
    pub fn as_int(&self) -> Result<i64> {
        // SAFETY: a live object; -1 may be a value or an error.
        unsafe {
            let index = Bound::owned(self.py(), ffi::PyNumber_Index(self.ptr()))?;
            let value = ffi::PyLong_AsLongLong(index.ptr());
            if value == -1 && !ffi::PyErr_Occurred().is_null() { Err(Raised) } else { Ok(value) }
        }
    }

    /// The value of a `float` (or what has `__float__`); raises for anything else.
    pub fn as_float(&self) -> Result<f64> {
        // SAFETY: a live object; -1 may be a value or an error.
        unsafe {
            let value = ffi::PyFloat_AsDouble(self.ptr());
            if value == -1.0 && !ffi::PyErr_Occurred().is_null() { Err(Raised) } else { Ok(value) }
        }
    }
}

fn chars(text: &[u8]) -> *const c_char {
    text.as_ptr().cast()
}

/// Another descriptor of what is open under a number that Python named.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: not -1. It is used in one call alone, to which a number that is not open is an error.
    unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
}
