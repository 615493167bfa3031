//! What those who find out how many requests run at the same time need of Python and of the log.
#![forbid(unsafe_code)]

use super::{get, visit_main};
use crate::admission::{self, Change, Contact};
use crate::{host, python};
use wire::message as msg;

/// Python, and the log.
pub const CONTACT: Contact = Contact { listen, say, gils };

/// Has Python tell [`admission::heard()`] about processes and libraries, as soon as the GIL is to be had, which may be late.
fn listen() {
    let body = || {
        if visit_main(|py| python::listen(py, admission::heard)) == Some(true) {
            admission::set_listening();
        }
    };
    let _ = std::thread::Builder::new().name("wsgi-listen".into()).spawn(body);
}

fn gils() -> u32 {
    get().map_or(1, |runtime| runtime.interpreters.gils())
}

fn say(change: Change) {
    let pid = std::process::id();
    let text = match change {
        Change::Kept(number) => format!(
            "the request threads of process {pid} are tried on one processor ({number}), and stay there while requests \
             gain by it"
        ),
        Change::Starts => format!(
            "the request threads of process {pid} run on all processors from now on: a request has started a process"
        ),
    };
    host::message(msg::ONE_PROCESSOR, text);
}
