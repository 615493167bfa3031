//! `start_response` and `write`: bound methods of one object a request (PEP 3333).

use super::answer::{Answer, client_gone};
use super::call::Call;
use super::events;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, Problem, Py, Raised, Result};
use std::ffi::CStr;
use std::sync::Arc;

/// What `start_response` is a method of.
pub struct Adapter(pub Arc<Call>);

impl Class for Adapter {
    const NAME: &'static CStr = c"mod_wsgi.Adapter";
    const DOC: &'static CStr = c"The server's side of one request.";

    fn members(members: &mut Members<Self>) {
        members.method(c"start_response", start_response).method(c"write", write);
    }
}

fn start_response<'py>(py: Py<'py>, this: &Adapter, args: Args<'_, 'py>) -> Result<Bound<'py>> {
    let ([status, headers], [exc_info]) = args.bind(["status", "headers"], ["exc_info"])?;
    let call = &this.0;
    if call.is_closed() {
        return Err(Problem::Runtime.raise(py, "start_response() called after request completed"));
    }
    events::response(py, call, &status, &headers, exc_info.as_ref())?;
    let exc_info = exc_info.filter(|info| !info.is_none());
    if let Some(info) = &exc_info
        && !info.is_tuple()
    {
        return Err(no_exc_info(py));
    }
    if call.answer.borrow(py).frozen {
        let Some(info) = exc_info else {
            return Err(Problem::Runtime.raise(py, "start_response() called more than once without exc_info"));
        };
        if call.answer.borrow(py).committed {
            return Err(raise_again(&info)?);
        }
    }
    let fresh = Answer::of(call, &status, &headers)?;
    fresh.dropped.warn(call);
    call.answer.borrow(py).replace(fresh);
    args.this().attr(c"write")
}

fn no_exc_info(py: Py<'_>) -> Raised {
    Problem::Runtime.raise(py, "start_response() argument 'exc_info' must be a 3-tuple or None")
}

/// PEP 3333: `raise exc_info[1].with_traceback(exc_info[2])`
fn raise_again(info: &Bound<'_>) -> Result<Raised> {
    if info.count() != 3 {
        return Err(no_exc_info(info.py()));
    }
    let (value, trace) = (info.item(1)?, info.item(2)?);
    if !trace.is_none() {
        value.set_attr(c"__traceback__", &trace)?;
    }
    Ok(value.raise())
}

fn write<'py>(py: Py<'py>, this: &Adapter, args: Args<'_, 'py>) -> Result<Bound<'py>> {
    args.count(1, 1)?;
    let call = &this.0;
    let block = args.get(0).unwrap_or_else(|| Bound::none(py));
    if block.as_bytes().is_none() {
        return Err(Problem::Type
            .raise(py, format_args!("write() argument must be bytes, not {}", block.type_name())));
    }
    if call.is_closed() {
        return Err(Problem::Runtime.raise(py, "write() called after request completed"));
    }
    if call.answer.borrow(py).status == 0 {
        return Err(
            Problem::Runtime.raise(py, "start_response() must be called before response content is produced")
        );
    }
    call.answer.borrow(py).frozen = true;
    if call.block(&block)? && !call.flush(py)? {
        return Err(client_gone(call, py));
    }
    Ok(Bound::none(py))
}
