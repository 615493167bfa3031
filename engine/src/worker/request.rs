//! One request: read, served by its application.
#![forbid(unsafe_code)]

use super::conn::{Conn, malformed};
use super::link::{Remote, RemoteLog};
use super::process::Worker;
use super::reception::is_due;
use crate::host;
use crate::runtime::{clock, is_copy, leave_copy};
use crate::startup::Script;
use crate::wsgi::{self, Facts, Pages};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use wire::abi::{End, Outcome};
use wire::request;
use wire::scoreboard::{RequestRecord, State, Title};

/// A request that has waited for so many seconds may have been given up.
const LONG_AGO: f64 = 2.0;

/// What a request is called, for the scoreboard.
fn title(environ: request::Pairs<'_>) -> Title<'_> {
    let mut title = Title::default();
    for (name, value) in environ {
        match name {
            b"REQUEST_METHOD" => title.method = value,
            b"REQUEST_URI" => title.path = value.split(|byte| *byte == b'?').next().unwrap_or_default(),
            b"mod_wsgi.request_id" => title.id = value,
            _ => {}
        }
    }
    title
}

impl Worker {
    /// Serves a request; `None`: its child has given it up.
    pub(super) fn request(
        &'static self,
        conn: &Arc<Conn>,
        record: &'static RequestRecord,
        payload: &[u8],
    ) -> io::Result<Option<Outcome>> {
        let (head, environ) = request::parse(payload).map_err(malformed)?;
        let taken = wsgi::now();
        conn.begin();
        if taken - head.queued as f64 / 1e6 > LONG_AGO && os::has_hung_up(conn.fd()) {
            // It has waited so long that its child has given up: nobody would read the answer.
            return Ok(None);
        }
        if !head.ignore_activity {
            self.note_activity();
        }
        let now = clock();
        record.begin(now, conn.index, &title(environ.clone()));
        let entry = self.reception.entry(conn);
        entry.inspect(|entry| entry.taken.store(now, Ordering::SeqCst));
        let link = Box::new(Remote::new(conn.clone(), entry, record, head.body_follows));
        let log = Box::new(RemoteLog::new(conn.clone(), head.level));
        let length = wsgi::declared_length(environ.clone());
        let plan = || self.plan(head.plan);
        let request = wsgi::Request {
            script: Script {
                path: head.script,
                resource: wsgi::resource(head.script, head.callable, environ.clone()),
                group: head.group,
                named_by_client: head.named_by_client,
                callable: head.callable,
                stamp: head.stamp,
                reload: head.reload && self.settings.reload > 0,
            },
            environ,
            length,
            head_only: head.head_only,
            facts: Facts {
                https: head.https,
                received: head.received as f64 / 1e6,
                warm_up: false,
                queued: head.queued as f64 / 1e6,
                taken,
                request_rec: None,
            },
            plan: &plan,
            pages: Pages { own: head.own_pages, own_error: head.own_error_page, details: head.error_details },
            turnstile: None,
        };
        let outcome = if self.may_run(&head) {
            wsgi::serve(request, link, log)
        } else {
            drop(link);
            wsgi::error(403)
        };
        if is_copy() {
            // The application has forked, and its child came back here.
            leave_copy(if outcome.end == End::Exit { outcome.status } else { 1 });
        }
        if !head.ignore_activity {
            self.note_activity();
        }
        record.enter(State::Ending, clock());
        Ok(Some(outcome))
    }

    /// The rules of the group let it run what is asked for. Apache's child has looked before it asked: this is for whoever
    /// else may connect. What is started without a script is what the configuration says.
    fn may_run(&self, head: &request::Head<'_>) -> bool {
        static SAID: AtomicI64 = AtomicI64::new(i64::MIN);
        let rules = self.common.process.rules();
        let is_script = || {
            let plans = self.plans.iter();
            !plans.filter(|plan| plan.key == head.plan).any(|plan| plan.start.django.is_some())
        };
        if rules.are_none() || !is_script() {
            return true;
        }
        let script = Path::new(OsStr::from_bytes(head.script));
        let Some((message, why)) = rules.complaint(script, None) else { return true };
        if is_due(&SAID, 1_000_000) {
            host::message(
                message,
                format!("{why}; the request is refused by process group '{}'", self.name()),
            );
        }
        false
    }
}
