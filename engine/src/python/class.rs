//! Python types made of Rust structures: one set in each interpreter, and the one place where panics meet Python.

use super::{Bound, Problem, Py, Raised, Result, ffi};
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A structure that Python code sees as an object. Its instances are made in Rust alone.
pub trait Class: Send + Sync + Sized + 'static {
    /// `module.Name`
    const NAME: &'static CStr;
    /// The docstring of the class.
    const DOC: &'static CStr;
    /// Declares the methods and attributes of the class.
    fn members(members: &mut Members<Self>);
}

/// The layout of an instance: the head of every object, then the Rust value.
#[repr(C)]
struct Instance<T> {
    head: ffi::PyObject,
    value: T,
}

/// Methods and attributes of a class while it is made.
pub struct Members<T> {
    methods: Vec<ffi::PyMethodDef>,
    getters: Vec<ffi::PyGetSetDef>,
    slots: Vec<ffi::PyType_Slot>,
    class: PhantomData<T>,
}

/// The arguments of a call, as a vector call has them: the positional ones, then those given by keyword.
#[derive(Clone, Copy)]
pub struct Args<'a, 'py> {
    this: *mut ffi::PyObject,
    positional: &'a [*mut ffi::PyObject],
    named: &'a [*mut ffi::PyObject],
    /// A tuple with the names of `named`; null where that is empty.
    names: *mut ffi::PyObject,
    py: Py<'py>,
}

impl<'a, 'py> Args<'a, 'py> {
    /// # Safety
    /// Python lends `this`, `values` and `names` for the call: `values` points to `count` positional arguments and, where
    /// `names` is a tuple, to one more for each name in it (CPython's vectorcall convention).
    unsafe fn of_vectorcall(
        py: Py<'py>,
        this: *mut ffi::PyObject,
        values: *const *mut ffi::PyObject,
        count: isize,
        names: *mut ffi::PyObject,
    ) -> Self {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: null or a live tuple.
        let keywords = if names.is_null() { 0 } else { unsafe { ffi::PyTuple_Size(names) } };
        let keywords = usize::try_from(keywords).unwrap_or(0);
        // Without any argument `values` may be null.
        let all = match count + keywords {
            0 => &[],
            // SAFETY: so many live objects, says the caller.
            total => unsafe { std::slice::from_raw_parts(values, total) },
        };
        let (positional, named) = all.split_at(count);
        Self { this, positional, named, names, py }
    }

    /// Raises TypeError unless there are `least` to `most` positional arguments and no others.
    pub fn count(&self, least: usize, most: usize) -> Result<()> {
        let count = self.positional.len();
        if !self.named.is_empty() {
            return Err(Problem::Type.raise(self.py, "keyword arguments are not accepted here"));
        }
        if (least..=most).contains(&count) {
            return Ok(());
        }
        let wanted =
            if least == most { format!("exactly {most}") } else { format!("from {least} to {most}") };
        Err(Problem::Type.raise(self.py, format_args!("expected {wanted} arguments, got {count}")))
    }

    /// The arguments by the names of the parameters, as a function written in Python has them bound. Raises TypeError if
    /// there are too many, if one is unknown or given twice, and if one of the `first` is missing; the `rest` have
    /// defaults.
    pub fn bind<const R: usize, const O: usize>(
        &self,
        first: [&str; R],
        rest: [&str; O],
    ) -> Result<([Bound<'py>; R], [Option<Bound<'py>>; O])> {
        let refused = |complaint: std::fmt::Arguments<'_>| Err(Problem::Type.raise(self.py, complaint));
        let given = self.positional.len() + self.named.len();
        if given > R + O {
            return refused(format_args!("expected at most {} arguments, got {given}", R + O));
        }
        let mut required: [_; R] = std::array::from_fn(|index| self.get(index));
        let mut optional: [_; O] = std::array::from_fn(|index| self.get(R + index));
        for (index, &value) in self.named.iter().enumerate() {
            // SAFETY: the live tuple that names them.
            let name = unsafe { Bound::borrowed(self.py, self.names) }?.item(index)?.text()?;
            let mut places = first.iter().zip(&mut required).chain(rest.iter().zip(&mut optional));
            let Some((_, place)) = places.find(|(known, _)| **known == name) else {
                return refused(format_args!("unexpected keyword argument '{name}'"));
            };
            if place.is_some() {
                return refused(format_args!("multiple values for argument '{name}'"));
            }
            // SAFETY: Python lends live objects for the call.
            *place = Some(unsafe { Bound::borrowed(self.py, value) }?);
        }
        if let Some((missing, _)) = first.iter().zip(&required).find(|(_, value)| value.is_none()) {
            return refused(format_args!("missing required argument '{missing}'"));
        }
        Ok((required.map(|value| value.unwrap_or_else(|| Bound::none(self.py))), optional))
    }

    /// The object whose method is called.
    pub fn this(&self) -> Bound<'py> {
        // SAFETY: Python lends the live object for the call.
        unsafe { Bound::borrowed(self.py, self.this) }
            .unwrap_or_else(|_| unreachable!("a method has an object"))
    }

    /// The argument at `index`.
    pub fn get(&self, index: usize) -> Option<Bound<'py>> {
        // SAFETY: Python lends live objects for the call.
        self.positional.get(index).and_then(|&value| unsafe { Bound::borrowed(self.py, value) }.ok())
    }
}

/// Runs `body` attached, for a C function that Python calls: an error is a set exception and NULL, and so is a panic.
pub(super) fn guarded(body: impl FnOnce(Py<'_>) -> Result<Bound<'_>>) -> *mut ffi::PyObject {
    // SAFETY: Python calls C functions of types attached.
    let py = unsafe { Py::attached() };
    match catch_unwind(AssertUnwindSafe(|| body(py).map(Bound::into_ptr))) {
        Ok(Ok(object)) => object,
        Ok(Err(Raised)) => std::ptr::null_mut(),
        Err(_) => {
            let Raised =
                Problem::Runtime.raise(py, "mod_wsgi panicked; the error log has the place (WSGI1007)");
            std::ptr::null_mut()
        }
    }
}

/// Makes a function item out of its type: it has no size, so there is nothing to store.
const fn item<F: Copy>() -> F {
    assert!(size_of::<F>() == 0, "only function items and closures without captures");
    // SAFETY: a value of no size has no bytes; F is Copy, so making one more is what copying does.
    unsafe { std::ptr::NonNull::<F>::dangling().as_ptr().read() }
}

/// # Safety
/// `object` is a live instance of `T`'s class.
unsafe fn value<'a, T: Class>(object: *mut ffi::PyObject) -> &'a T {
    // SAFETY: says the caller; the value is set before anybody sees the instance.
    unsafe { &(*object.cast::<Instance<T>>()).value }
}

impl<T: Class> Members<T> {
    /// Adds a method to the class.
    pub fn method<F>(&mut self, name: &'static CStr, _: F) -> &mut Self
    where
        F: for<'a, 'py> Fn(Py<'py>, &'a T, Args<'a, 'py>) -> Result<Bound<'py>> + Copy + 'static,
    {
        extern "C" fn raw<T: Class, F>(
            this: *mut ffi::PyObject,
            values: *const *mut ffi::PyObject,
            count: isize,
            names: *mut ffi::PyObject,
        ) -> *mut ffi::PyObject
        where
            F: for<'a, 'py> Fn(Py<'py>, &'a T, Args<'a, 'py>) -> Result<Bound<'py>> + Copy + 'static,
        {
            guarded(|py| {
                // SAFETY: Python passes an instance of the class the method is of (it checks), and the arguments of a
                // vector call.
                let (content, args) =
                    unsafe { (value::<T>(this), Args::of_vectorcall(py, this, values, count, names)) };
                item::<F>()(py, content, args)
            })
        }
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: raw::<T, F> },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: std::ptr::null(),
        });
        self
    }

    /// Adds an attribute that can be read.
    pub fn getter<F>(&mut self, name: &'static CStr, _: F) -> &mut Self
    where
        F: for<'a, 'py> Fn(Py<'py>, &'a T) -> Result<Bound<'py>> + Copy + 'static,
    {
        extern "C" fn raw<T: Class, F>(this: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject
        where
            F: for<'a, 'py> Fn(Py<'py>, &'a T) -> Result<Bound<'py>> + Copy + 'static,
        {
            // SAFETY: as in `method`.
            guarded(|py| item::<F>()(py, unsafe { value::<T>(this) }))
        }
        self.getters.push(ffi::PyGetSetDef {
            name: name.as_ptr(),
            get: Some(raw::<T, F>),
            set: None,
            doc: std::ptr::null(),
            closure: std::ptr::null_mut(),
        });
        self
    }

    /// Makes instances their own iterators; `next` answers `None` in Rust at the end.
    pub fn iterator<F>(&mut self, _: F) -> &mut Self
    where
        F: for<'a, 'py> Fn(Py<'py>, &'a T) -> Result<Option<Bound<'py>>> + Copy + 'static,
    {
        extern "C" fn own(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
            // SAFETY: a live object: one more reference to it.
            unsafe { ffi::Py_INCREF(this) };
            this
        }
        extern "C" fn next<T: Class, F>(this: *mut ffi::PyObject) -> *mut ffi::PyObject
        where
            F: for<'a, 'py> Fn(Py<'py>, &'a T) -> Result<Option<Bound<'py>>> + Copy + 'static,
        {
            let mut ended = false;
            let object = guarded(|py| {
                // SAFETY: as in `method`.
                let item = item::<F>()(py, unsafe { value::<T>(this) })?;
                ended = item.is_none();
                Ok(item.unwrap_or_else(|| Bound::none(py)))
            });
            if ended {
                // SAFETY: the reference to None made above. NULL without an exception is the end.
                unsafe { ffi::Py_XDECREF(object) };
                return std::ptr::null_mut();
            }
            object
        }
        self.slot(ffi::Py_tp_iter, own as ffi::getiterfunc as *mut c_void);
        self.slot(ffi::Py_tp_iternext, next::<T, F> as ffi::iternextfunc as *mut c_void);
        self
    }

    fn slot(&mut self, slot: c_int, function: *mut c_void) {
        self.slots.push(ffi::PyType_Slot { slot, pfunc: function });
    }
}

extern "C" fn dealloc<T: Class>(this: *mut ffi::PyObject) {
    // SAFETY: Python deallocates an instance once: the value is dropped, the memory freed, and the reference that
    // every instance of a heap type has to its type given back.
    unsafe {
        let class = ffi::Py_TYPE(this);
        let value = &raw mut (*this.cast::<Instance<T>>()).value;
        let _ = catch_unwind(AssertUnwindSafe(|| value.drop_in_place()));
        let free: unsafe extern "C" fn(*mut c_void) =
            std::mem::transmute(ffi::PyType_GetSlot(class, ffi::Py_tp_free));
        free(this.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Makes the class in the interpreter this thread is attached to.
pub fn make<'py, T: Class>(py: Py<'py>) -> Result<Bound<'py>> {
    let mut members =
        Members::<T> { methods: Vec::new(), getters: Vec::new(), slots: Vec::new(), class: PhantomData };
    T::members(&mut members);
    // The tables live as long as the class, which lives as its interpreter: with the process.
    members.methods.push(ffi::PyMethodDef::zeroed());
    let methods = Box::leak(members.methods.into_boxed_slice());
    members.getters.push(ffi::PyGetSetDef {
        name: std::ptr::null(),
        get: None,
        set: None,
        doc: std::ptr::null(),
        closure: std::ptr::null_mut(),
    });
    let getters = Box::leak(members.getters.into_boxed_slice());
    let mut slots = members.slots;
    let mut slot = |slot: c_int, pfunc: *mut c_void| slots.push(ffi::PyType_Slot { slot, pfunc });
    slot(ffi::Py_tp_doc, T::DOC.as_ptr().cast_mut().cast());
    slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast());
    slot(ffi::Py_tp_getset, getters.as_mut_ptr().cast());
    slot(ffi::Py_tp_dealloc, dealloc::<T> as ffi::destructor as *mut c_void);
    slot(0, std::ptr::null_mut());
    let mut spec = ffi::PyType_Spec {
        name: T::NAME.as_ptr(),
        basicsize: size_of::<Instance<T>>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION
            | ffi::Py_TPFLAGS_IMMUTABLETYPE) as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: a spec whose tables and names live as the process; the slots are copied.
    unsafe { Bound::owned(py, ffi::PyType_FromSpec(&mut spec)) }
}

/// An instance of `class`, which [`make`] made for `T`.
pub fn instance<'py, T: Class>(class: &Bound<'py>, content: T) -> Result<Bound<'py>> {
    // SAFETY: allocates room for an Instance<T>, says the type's size; the value is written before anybody sees it.
    unsafe {
        let object = Bound::owned(class.py(), ffi::PyType_GenericAlloc(class.ptr().cast(), 0))?;
        (&raw mut (*object.ptr().cast::<Instance<T>>()).value).write(content);
        Ok(object)
    }
}
