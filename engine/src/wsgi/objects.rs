//! What WSGI has in each interpreter: classes, the environ's template, cached names.

use super::adapter::Adapter;
use super::call::Call;
use super::current::{Active, Requests};
use super::input::Input;
use super::keys::Keys;
use super::tls::Tls;
use super::watched::Subscribers;
use crate::python::class;
use crate::python::{Bound, InterpreterCell, Owned, Py, Result};
use crate::runtime::{Interpreter, Settings, interface};
use std::any::Any;
use std::cell::RefMut;
use std::sync::Arc;

/// Objects of one interpreter.
pub struct Objects {
    adapter: Owned,
    input: Owned,
    template: Owned,
    function_template: Owned,
    tls: Owned,
    /// Those who subscribed to events.
    pub subscribers: Arc<Subscribers>,
    /// `mod_wsgi.active_requests`
    pub active: Arc<Active>,
    /// Keys whose values are not text.
    pub names: Names,
    file_wrapper: Owned,
    plain_files: [Owned; 2],
    keys: InterpreterCell<Keys>,
}

/// Keys of the environ whose values are not text.
pub struct Names {
    /// `wsgi.input`
    pub input: Owned,
    /// `wsgi.errors`
    pub errors: Owned,
    /// `mod_wsgi.thread_id`
    pub thread_id: Owned,
    /// `mod_wsgi.request_start`
    pub request_start: Owned,
    /// `mod_wsgi.application_start`
    pub application_start: Owned,
    /// `mod_wsgi.queue_start`
    pub queue_start: Owned,
    /// `mod_wsgi.daemon_start`
    pub daemon_start: Owned,
}

/// Makes the objects of an interpreter; `support` is `mod_wsgi._engine`.
pub fn fit(py: Py<'_>, settings: &Settings, support: &Bound<'_>) -> Result<Box<dyn Any + Send + Sync>> {
    let interned = |name: &str| Bound::interned(py, name.as_bytes()).map(Bound::keep);
    let io = Bound::import(py, c"_io")?;
    let file_wrapper = support.attr(c"FileWrapper")?;
    let active = Arc::<Active>::default();
    let requests = class::instance(&class::make::<Requests>(py)?, Requests(active.clone()))?;
    Bound::import(py, c"mod_wsgi._native")?.set_attr(c"requests", &requests)?;
    Ok(Box::new(Objects {
        adapter: class::make::<Adapter>(py)?.keep(),
        input: class::make::<Input>(py)?.keep(),
        template: template(py, settings, &file_wrapper)?.keep(),
        function_template: function_template(py, settings)?.keep(),
        tls: class::make::<Tls>(py)?.keep(),
        subscribers: Arc::new(Subscribers::of(support)?),
        active,
        names: Names {
            input: interned("wsgi.input")?,
            errors: interned("wsgi.errors")?,
            thread_id: interned("mod_wsgi.thread_id")?,
            request_start: interned("mod_wsgi.request_start")?,
            application_start: interned("mod_wsgi.application_start")?,
            queue_start: interned("mod_wsgi.queue_start")?,
            daemon_start: interned("mod_wsgi.daemon_start")?,
        },
        file_wrapper: file_wrapper.keep(),
        plain_files: [io.attr(c"BufferedReader")?.keep(), io.attr(c"FileIO")?.keep()],
        keys: InterpreterCell::new(py.interpreter(), Keys::default()),
    }))
}

/// The entries that are the same in every request's environ.
fn template<'py>(py: Py<'py>, settings: &Settings, file_wrapper: &Bound<'py>) -> Result<Bound<'py>> {
    let environ = Bound::dict(py)?;
    let set =
        |name: &str, value: &Bound<'py>| environ.dict_set(&Bound::interned(py, name.as_bytes())?, value);
    set("wsgi.version", &Bound::tuple(py, &[&Bound::int(py, 1)?, &Bound::int(py, 0)?])?)?;
    set("wsgi.multithread", &Bound::bool(py, settings.process.multithread))?;
    set("wsgi.multiprocess", &Bound::bool(py, settings.process.multiprocess))?;
    set("wsgi.run_once", &Bound::bool(py, settings.process.run_once))?;
    set("wsgi.file_wrapper", file_wrapper)?;
    set("wsgi.input_terminated", &Bound::bool(py, true))?;
    set("mod_wsgi.version", &interface(py)?)?;
    set("mod_wsgi.queue_start", &Bound::float(py, 0.0)?)?;
    set("mod_wsgi.daemon_start", &Bound::float(py, 0.0)?)?;
    set("apache.version", &settings.httpd_version(py)?)?;
    Ok(environ)
}

/// The entries that are the same in every environ for functions that the server asks.
fn function_template<'py>(py: Py<'py>, settings: &Settings) -> Result<Bound<'py>> {
    let environ = Bound::dict(py)?;
    environ.dict_set(&Bound::str(py, "mod_wsgi.version")?, &interface(py)?)?;
    environ.dict_set(&Bound::str(py, "apache.version")?, &settings.httpd_version(py)?)?;
    Ok(environ)
}

impl Objects {
    /// The objects of an interpreter.
    pub fn of(interpreter: &Interpreter) -> &Self {
        interpreter.of_protocol()
    }

    /// The environ that every request's begins as.
    pub fn template<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.template.get(py)
    }

    /// The environ that every one for functions that the server asks begins as.
    pub fn function_template<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.function_template.get(py)
    }

    /// A new object that knows of a request what mod_ssl does.
    pub fn tls<'py>(&self, py: Py<'py>, call: &Arc<Call>, https: bool) -> Result<Bound<'py>> {
        class::instance(self.tls.get(py), Tls { call: call.clone(), https })
    }

    /// Cached keys and values of environs.
    pub fn keys<'a>(&'a self, py: Py<'a>) -> RefMut<'a, Keys> {
        self.keys.borrow(py)
    }

    /// `mod_wsgi.FileWrapper`
    pub fn file_wrapper<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.file_wrapper.get(py)
    }

    /// A file object of Python's own, whose `close()` does nothing but close.
    pub fn is_plain_file(&self, py: Py<'_>, file: &Bound<'_>) -> bool {
        self.plain_files.iter().any(|class| file.is_exactly(class.get(py)))
    }

    /// A new `start_response` object.
    pub fn adapter<'py>(&self, py: Py<'py>, call: &Arc<Call>) -> Result<Bound<'py>> {
        class::instance(self.adapter.get(py), Adapter(call.clone()))
    }

    /// A new `wsgi.input`.
    pub fn input<'py>(&self, py: Py<'py>, call: &Arc<Call>) -> Result<Bound<'py>> {
        class::instance(self.input.get(py), Input::new(call.clone()))
    }
}
