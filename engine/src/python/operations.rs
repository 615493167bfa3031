//! What can be done with an object: the operations of Python that the engine needs.

use super::{Bound, Raised, Result, extra, ffi};
use std::ffi::CStr;

/// Built-in types that are told apart by identity: subclasses are `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltinType {
    /// `bytes`
    Bytes,
    /// `str`
    Str,
    /// `list`
    List,
    /// `tuple`
    Tuple,
    /// Anything else.
    Other,
}

impl<'py> Bound<'py> {
    /// Which built-in type it is, exactly.
    pub fn builtin_type(&self) -> BuiltinType {
        // SAFETY: a live object; the types are statics of Python.
        unsafe {
            let kind = ffi::Py_TYPE(self.ptr());
            match kind {
                _ if kind == &raw mut ffi::PyBytes_Type => BuiltinType::Bytes,
                _ if kind == &raw mut ffi::PyUnicode_Type => BuiltinType::Str,
                _ if kind == &raw mut ffi::PyList_Type => BuiltinType::List,
                _ if kind == &raw mut ffi::PyTuple_Type => BuiltinType::Tuple,
                _ => BuiltinType::Other,
            }
        }
    }

    /// `type(self).__name__`
    pub fn type_name(&self) -> String {
        // SAFETY: every object has a type, which is a live object.
        let kind = unsafe { Bound::borrowed(self.py(), ffi::Py_TYPE(self.ptr()).cast()) };
        kind.and_then(|kind| kind.attr(c"__name__")?.text()).unwrap_or_else(|raised| {
            raised.forget(self.py());
            "object".into()
        })
    }

    /// `self is other`
    pub fn is(&self, other: &Bound<'_>) -> bool {
        self.ptr() == other.ptr()
    }

    /// `type(self) is class`
    pub fn is_exactly(&self, class: &Bound<'_>) -> bool {
        // SAFETY: a live object.
        unsafe { ffi::Py_TYPE(self.ptr()).cast() == class.ptr() }
    }

    /// `self is None`
    pub fn is_none(&self) -> bool {
        // SAFETY: reads the address of a static.
        unsafe { self.ptr() == ffi::Py_None() }
    }

    /// `isinstance(self, class)`
    pub fn is_instance(&self, class: &Bound<'_>) -> Result<bool> {
        // SAFETY: live objects.
        match unsafe { ffi::PyObject_IsInstance(self.ptr(), class.ptr()) } {
            -1 => Err(Raised),
            answer => Ok(answer == 1),
        }
    }

    /// `bool(self)`
    pub fn is_true(&self) -> Result<bool> {
        // SAFETY: a live object.
        match unsafe { ffi::PyObject_IsTrue(self.ptr()) } {
            -1 => Err(Raised),
            answer => Ok(answer == 1),
        }
    }

    /// `self.name`
    pub fn attr(&self, name: &CStr) -> Result<Bound<'py>> {
        // SAFETY: a live object and a C string.
        unsafe { Bound::owned(self.py(), ffi::PyObject_GetAttrString(self.ptr(), name.as_ptr())) }
    }

    /// `getattr(self, name)`
    pub fn attr_obj(&self, name: &Bound<'_>) -> Result<Bound<'py>> {
        // SAFETY: live objects.
        unsafe { Bound::owned(self.py(), ffi::PyObject_GetAttr(self.ptr(), name.ptr())) }
    }

    /// `getattr(self, name, None)`, but `None` in Rust, and errors other than AttributeError stay.
    pub fn attr_if_any(&self, name: &CStr) -> Result<Option<Bound<'py>>> {
        match self.attr(name) {
            Ok(value) => Ok(Some(value)),
            Err(raised) if raised.is_attribute_error(self.py()) => {
                raised.forget(self.py());
                Ok(None)
            }
            Err(raised) => Err(raised),
        }
    }

    /// `self.name = value`
    pub fn set_attr(&self, name: &CStr, value: &Bound<'_>) -> Result<()> {
        // SAFETY: live objects and a C string.
        match unsafe { ffi::PyObject_SetAttrString(self.ptr(), name.as_ptr(), value.ptr()) } {
            0 => Ok(()),
            _ => Err(Raised),
        }
    }

    /// `self(*arguments)`
    pub fn call(&self, arguments: &[&Bound<'_>]) -> Result<Bound<'py>> {
        const MOST: usize = 8;
        let mut pointers = [std::ptr::null_mut(); MOST];
        assert!(arguments.len() <= MOST, "calls here have few arguments");
        for (pointer, argument) in pointers.iter_mut().zip(arguments) {
            *pointer = argument.ptr();
        }
        // SAFETY: live objects, borrowed for the call.
        unsafe {
            let answer = (extra::get().vectorcall)(
                self.ptr(),
                pointers.as_ptr(),
                arguments.len(),
                std::ptr::null_mut(),
            );
            Bound::owned(self.py(), answer)
        }
    }

    /// `iter(self)`
    pub fn iter(&self) -> Result<Bound<'py>> {
        // SAFETY: a live object.
        unsafe { Bound::owned(self.py(), ffi::PyObject_GetIter(self.ptr())) }
    }

    /// `next(self)`; `None` at the end. `self` is an iterator.
    pub fn next(&self) -> Result<Option<Bound<'py>>> {
        // SAFETY: a live iterator (what `iter` answered); NULL without an exception is its end.
        unsafe {
            let item = ffi::PyIter_Next(self.ptr());
            if item.is_null() && ffi::PyErr_Occurred().is_null() {
                return Ok(None);
            }
            Bound::owned(self.py(), item).map(Some)
        }
    }

    /// A `list`, or an object of a class made from it.
    pub fn is_list(&self) -> bool {
        self.is_of(ffi::Py_TPFLAGS_LIST_SUBCLASS)
    }

    /// A `tuple`, or an object of a class made from it (named tuples are).
    pub fn is_tuple(&self) -> bool {
        self.is_of(ffi::Py_TPFLAGS_TUPLE_SUBCLASS)
    }

    fn is_of(&self, flag: std::ffi::c_ulong) -> bool {
        // SAFETY: a live object has a type.
        unsafe { ffi::PyType_GetFlags(ffi::Py_TYPE(self.ptr())) & flag != 0 }
    }

    /// Number of items of a list or tuple.
    pub fn count(&self) -> usize {
        // SAFETY: the type says which; both functions only read.
        unsafe {
            if self.is_list() {
                ffi::PyList_Size(self.ptr()) as usize
            } else if self.is_tuple() {
                ffi::PyTuple_Size(self.ptr()) as usize
            } else {
                0
            }
        }
    }

    /// An item of a list or tuple; raises IndexError behind its end (a list may shrink meanwhile).
    pub fn item(&self, index: usize) -> Result<Bound<'py>> {
        // SAFETY: as in `count`; the functions check the index, and the reference is taken before anything runs.
        unsafe {
            let item = if self.is_list() {
                ffi::PyList_GetItem(self.ptr(), index as isize)
            } else {
                ffi::PyTuple_GetItem(self.ptr(), index as isize)
            };
            Bound::borrowed(self.py(), item)
        }
    }

    /// `dict.copy(self)`
    pub fn dict_copy(&self) -> Result<Bound<'py>> {
        // SAFETY: a live object; what is no dict raises.
        unsafe { Bound::owned(self.py(), ffi::PyDict_Copy(self.ptr())) }
    }

    /// `self[key] = value` for a dict.
    pub fn dict_set(&self, key: &Bound<'_>, value: &Bound<'_>) -> Result<()> {
        // SAFETY: live objects; what is no dict raises.
        match unsafe { ffi::PyDict_SetItem(self.ptr(), key.ptr(), value.ptr()) } {
            0 => Ok(()),
            _ => Err(Raised),
        }
    }

    /// `self.get(key)` for a dict.
    pub fn dict_get(&self, key: &Bound<'_>) -> Result<Option<Bound<'py>>> {
        // SAFETY: live objects; NULL without an exception is "not there".
        unsafe {
            let value = ffi::PyDict_GetItemWithError(self.ptr(), key.ptr());
            if value.is_null() && ffi::PyErr_Occurred().is_null() {
                return Ok(None);
            }
            Bound::borrowed(self.py(), value).map(Some)
        }
    }

    /// How many references there are to it.
    pub fn references(&self) -> isize {
        // SAFETY: a live object, whose count this only reads.
        unsafe { ffi::Py_REFCNT(self.ptr()) }
    }

    /// `not vars(self)`
    pub fn has_no_attributes(&self) -> Result<bool> {
        // SAFETY: a live object; what has no dict raises. The size is that of a dict.
        unsafe {
            let attributes =
                Bound::owned(self.py(), ffi::PyObject_GenericGetDict(self.ptr(), std::ptr::null_mut()))?;
            Ok(ffi::PyDict_Size(attributes.ptr()) == 0)
        }
    }

    /// `vars(self)` of a module.
    pub fn module_dict(&self) -> Result<Bound<'py>> {
        // SAFETY: a live object; what is no module raises. The reference is borrowed.
        unsafe { Bound::borrowed(self.py(), ffi::PyModule_GetDict(self.ptr())) }
    }
}
