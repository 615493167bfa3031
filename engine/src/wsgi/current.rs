//! The requests that run in an interpreter, as applications see them: `request_data()` and `active_requests`.

use super::call::Call;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, Owned, Problem, Py, Result, thread_number};
use crate::requests::ActiveRequest;
use once_cell::sync::OnceCell;
use std::ffi::CStr;
use std::sync::Arc;

/// `mod_wsgi.active_requests` of an interpreter, once somebody has asked for it: the data of requests by their ids.
pub type Active = OnceCell<Owned>;

/// What `mod_wsgi._native.requests` is.
pub struct Requests(pub Arc<Active>);

impl Class for Requests {
    const NAME: &'static CStr = c"mod_wsgi.Requests";
    const DOC: &'static CStr = c"The requests of this interpreter.";

    fn members(members: &mut Members<Self>) {
        members
            .method(c"data", |py, _: &Requests, args: Args<'_, '_>| {
                args.count(0, 0)?;
                let request = ActiveRequest::of_thread(thread_number());
                match request.filter(|request| request.interpreter.id() == py.interpreter()) {
                    Some(request) => request.data(py),
                    None => Err(Problem::Runtime.raise(py, "no active request for thread")),
                }
            })
            .method(c"active", |py, this: &Requests, args: Args<'_, '_>| {
                args.count(0, 0)?;
                this.all(py)
            });
    }
}

impl Requests {
    /// The dict, with the requests that run already. The GIL keeps others from coming or going meanwhile.
    fn all<'py>(&self, py: Py<'py>) -> Result<Bound<'py>> {
        if let Some(known) = self.0.get() {
            return Ok(known.get(py).clone());
        }
        let active = Bound::dict(py)?;
        let running = ActiveRequest::running();
        for request in running.iter().filter(|request| request.interpreter.id() == py.interpreter()) {
            list(py, &active, request)?;
        }
        let _ = self.0.set(active.clone().keep());
        Ok(active)
    }
}

/// A request that an application has is listed by `mod_wsgi.request_id`, if it has one.
fn list(py: Py<'_>, active: &Bound<'_>, request: &ActiveRequest) -> Result<()> {
    let environ = request.environ.borrow(py).as_ref().map(|environ| environ.get(py).clone());
    let Some(environ) = environ else { return Ok(()) };
    let Some(id) = environ.dict_get(&Bound::interned(py, b"mod_wsgi.request_id")?)? else { return Ok(()) };
    active.dict_set(&id, &request.data(py)?)?;
    request.listed.set(py, Some(id.keep()));
    Ok(())
}

/// A request is given to its application.
pub fn enter(py: Py<'_>, active: &Active, call: &Call) -> Result<()> {
    active.get().map_or(Ok(()), |active| list(py, active.get(py), call))
}

/// A request is over: nothing of it is kept.
pub fn leave(py: Py<'_>, active: &Active, call: &Call) {
    if let (Some(active), Some(id)) = (active.get(), call.listed.take(py)) {
        let pop = active.get(py).attr(c"pop");
        let removed = pop.and_then(|pop| pop.call(&[id.get(py), &Bound::none(py)]).map(drop));
        removed.unwrap_or_else(|raised| raised.forget(py));
        id.release(py);
    }
    call.release_objects(py);
}
