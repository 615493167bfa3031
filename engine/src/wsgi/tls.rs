//! `mod_ssl.is_https` and `mod_ssl.var_lookup`: what mod_ssl knows of a request.

use super::call::Call;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, Problem, Py, Result};
use std::ffi::CStr;
use std::sync::Arc;

/// What both are methods of.
pub struct Tls {
    /// The request.
    pub call: Arc<Call>,
    /// The client uses TLS.
    pub https: bool,
}

impl Class for Tls {
    const NAME: &'static CStr = c"mod_wsgi.Auth";
    const DOC: &'static CStr = c"What mod_ssl knows of a request.";

    fn members(members: &mut Members<Self>) {
        members.method(c"ssl_is_https", is_https).method(c"ssl_var_lookup", variable);
    }
}

fn is_https<'py>(py: Py<'py>, this: &Tls, args: Args<'_, 'py>) -> Result<Bound<'py>> {
    args.count(0, 0)?;
    Bound::int(py, this.https.into())
}

fn variable<'py>(py: Py<'py>, this: &Tls, args: Args<'_, 'py>) -> Result<Bound<'py>> {
    let ([name], []) = args.bind(["name"], [])?;
    let name = match name.as_bytes() {
        Some(bytes) => bytes.to_vec(),
        None if name.is_str() => name.as_latin1()?.into_owned(),
        None => {
            let text = format!("var_lookup() argument must be str or bytes, not {}", name.type_name());
            return Err(Problem::Type.raise(py, text));
        }
    };
    match this.call.quick(py, "var_lookup", |link| link.tls_variable(&name))? {
        Some(value) => Bound::latin1(py, &value),
        None => Ok(Bound::none(py)),
    }
}
