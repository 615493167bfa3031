//! The requests that run in an interpreter, as applications see them: `request_data()` and `active_requests`.

use super::call::Call;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, Owned, Problem, Py, Result};
use crate::requests::ActiveRequest;
use once_cell::sync::OnceCell;
use std::ffi::CStr;
use std::sync::Arc;

/// What is kept of the requests of an interpreter, as far as somebody has asked for it.
#[derive(Default)]
pub struct Active {
    /// `mod_wsgi.active_requests`: the data of requests by their ids.
    requests: OnceCell<Owned>,
    /// What is called with the id of each request that begins, and with None when it ends.
    tell: OnceCell<Owned>,
}

/// What `mod_wsgi._native.requests` is.
pub struct Requests(pub Arc<Active>);

impl Class for Requests {
    const NAME: &'static CStr = c"mod_wsgi.Requests";
    const DOC: &'static CStr = c"The requests of this interpreter.";

    fn members(members: &mut Members<Self>) {
        members
            .method(c"data", |py, _: &Requests, args: Args<'_, '_>| {
                args.count(0, 0)?;
                let request = ActiveRequest::of_this_thread();
                match request.filter(|request| request.interpreter.id() == py.interpreter()) {
                    Some(request) => request.data(py),
                    None => Err(Problem::Runtime.raise(py, "no active request for thread")),
                }
            })
            .method(c"tell", |py, this: &Requests, args: Args<'_, '_>| {
                args.count(1, 1)?;
                if let Some(tell) = args.get(0) {
                    let _ = this.0.tell.set(tell.keep());
                }
                let request = ActiveRequest::of_this_thread();
                let request = request.filter(|request| request.interpreter.id() == py.interpreter());
                request.map_or_else(|| Ok(Bound::none(py)), |request| id_of(py, &request))
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
        if let Some(known) = self.0.requests.get() {
            return Ok(known.get(py).clone());
        }
        let active = Bound::dict(py)?;
        let running = ActiveRequest::running();
        for request in running.iter().filter(|request| request.interpreter.id() == py.interpreter()) {
            list(py, &active, request)?;
        }
        let _ = self.0.requests.set(active.clone().keep());
        Ok(active)
    }
}

/// A request that an application has is listed by `mod_wsgi.request_id`, if it has one.
fn list(py: Py<'_>, active: &Bound<'_>, request: &ActiveRequest) -> Result<()> {
    let id = id_of(py, request)?;
    if id.is_none() {
        return Ok(());
    }
    active.dict_set(&id, &request.data(py)?)?;
    request.listed.set(py, Some(id.keep()));
    Ok(())
}

/// `mod_wsgi.request_id` of a request that an application has; None if it has none.
fn id_of<'py>(py: Py<'py>, request: &ActiveRequest) -> Result<Bound<'py>> {
    let environ = request.environ.borrow(py).as_ref().map(|environ| environ.get(py).clone());
    let Some(environ) = environ else { return Ok(Bound::none(py)) };
    let id = environ.dict_get(&Bound::interned(py, b"mod_wsgi.request_id")?)?;
    Ok(id.unwrap_or_else(|| Bound::none(py)))
}

/// A request is given to its application.
pub fn enter(py: Py<'_>, active: &Active, call: &Call) -> Result<()> {
    if let Some(tell) = active.tell.get() {
        tell.get(py).call(&[&id_of(py, call)?])?;
    }
    active.requests.get().map_or(Ok(()), |active| list(py, active.get(py), call))
}

/// A request is over: nothing of it is kept.
pub fn leave(py: Py<'_>, active: &Active, call: &Call) {
    if let Some(tell) = active.tell.get() {
        let told = tell.get(py).call(&[&Bound::none(py)]);
        told.map(drop).unwrap_or_else(|raised| raised.forget(py));
    }
    if let (Some(active), Some(id)) = (active.requests.get(), call.listed.take(py)) {
        unlist(py, active.get(py), id.get(py), call).unwrap_or_else(|raised| raised.forget(py));
        id.release(py);
    }
    call.release_objects(py);
}

/// Takes a request out, unless another one of the same trace stands under the id by now.
fn unlist(py: Py<'_>, active: &Bound<'_>, id: &Bound<'_>, call: &Call) -> Result<()> {
    match active.dict_get(id)? {
        Some(data) if data.is(&call.data(py)?) => {
            active.attr(c"pop")?.call(&[id, &Bound::none(py)]).map(drop)
        }
        _ => Ok(()),
    }
}
