//! What access logs find of a request: `%{WSGI_REQUEST_ID}e` and notes (`%{mod_wsgi.queue_time}n`).

use crate::apache::{Request, Times, hook};
use std::ffi::CStr;

/// The variable that has the id.
const ID: &CStr = c"WSGI_REQUEST_ID";

/// Puts the id of a request where access logs, headers and expressions of httpd find it.
pub fn show(r: Request<'_>) {
    r.environment().set(ID, r.pool().c_string(r.log_id()));
}

/// Notes for the access log what is known of a request that has been answered.
///
/// httpd logs the last of several requests that followed each other: the error document, not the request that failed. It
/// has the notes too, unless it has its own.
pub struct Access;

impl hook::Answered for Access {
    fn run(r: Request<'_>) {
        let requests = || std::iter::successors(Some(r), |r| r.next());
        let Some(of) = requests().filter(|r| r.served().is_some()).last() else { return };
        let Some((last, served)) = requests().last().zip(of.served()) else { return };
        if last.served().is_none() && last.environment().get(ID).is_none() {
            show(last);
        }
        let (notes, pool) = (last.notes(), last.pool());
        let Times { queue, application, ended } = served.times();
        let sent = ended.map(|ended| os::monotonic().saturating_sub(ended).unsigned_abs());
        for (name, number) in [
            (c"mod_wsgi.queue_time", queue),
            (c"mod_wsgi.application_time", application),
            (c"mod_wsgi.send_time", sent),
            (c"mod_wsgi.pid", Some(served.pid().into()).filter(|pid| *pid != 0)),
        ] {
            number.iter().for_each(|number| notes.set(name, pool.number(*number)));
        }
        notes.set(c"mod_wsgi.process_group", pool.c_string(served.group));
    }
}
