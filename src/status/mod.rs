//! The status page: `SetHandler wsgi-status`.
//!
//! ```text
//! read      the ledger, the scoreboards of the groups, and what the system says of processes  →  a snapshot
//! snapshot  plain data
//! html, json, openmetrics     the snapshot, written
//! ```
//!
//! Whatever applications, clients or processes of groups may have written is bounded where it is read, and escaped where it is
//! written.
#![forbid(unsafe_code)]

mod html;
mod json;
mod openmetrics;
mod questions;
mod read;
mod snapshot;

use crate::apache::brigade::Brigade;
use crate::apache::{Request, Status, hook};
pub use questions::Begin as Questions;
use snapshot::Snapshot;
use wire::page;

/// What `SetHandler` names.
const HANDLER: &[u8] = b"wsgi-status";

/// The handler.
pub struct Handler;

/// In what form a client wants it.
#[derive(Clone, Copy)]
enum Form {
    Html,
    Json,
    OpenMetrics,
}

impl hook::Handle for Handler {
    fn run(r: Request<'_>) -> Status {
        if r.handler() != HANDLER {
            return Status::DECLINED;
        }
        if !matches!(r.method(), b"GET" | b"HEAD") {
            r.err_headers_out().set(c"Allow", c"GET, HEAD");
            return Status(405);
        }
        let query = r.query().unwrap_or_default();
        // Whoever builds a query of names and values writes an empty value.
        let form = match query.strip_suffix(b"=").unwrap_or(query) {
            b"" => Form::Html,
            b"json" => Form::Json,
            b"openmetrics" => Form::OpenMetrics,
            _ => return Status(404),
        };
        let discarded = r.discard_body();
        if discarded != Status::OK {
            return discarded;
        }
        answer(r, form, &read::snapshot())
    }
}

fn answer(r: Request<'_>, form: Form, snapshot: &Snapshot) -> Status {
    let headers = r.headers_out();
    headers.set(c"Cache-Control", c"no-store");
    headers.set(c"X-Content-Type-Options", c"nosniff");
    let (kind, text): (&[u8], String) = match form {
        Form::Html => {
            let Ok(random) = os::random() else { return Status(500) };
            let nonce = page::nonce(random);
            let policy = page::policy(&nonce);
            headers.set(c"Content-Security-Policy", r.pool().c_string(policy.as_bytes()));
            (b"text/html; charset=utf-8", html::page(snapshot, &nonce))
        }
        Form::Json => (b"application/json", json::text(snapshot)),
        Form::OpenMetrics => {
            (b"application/openmetrics-text; version=1.0.0; charset=utf-8", openmetrics::text(snapshot))
        }
    };
    r.set_content_type(kind);
    let mut answer = Brigade::new(r);
    answer.copy(text.as_bytes());
    answer.finish();
    Status::OK
}
