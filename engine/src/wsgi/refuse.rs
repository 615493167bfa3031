//! What a visitor sees while an application does not start.

use super::call::Call;
use super::failed::error;
use crate::requests::Link;
use crate::startup::{App, Record, Refusal};
use std::sync::Arc;
use wire::abi::{End, Outcome};

/// What a visitor sees of an application that does not start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pages {
    /// Whether the module sends its own page; otherwise only the status, for which the server has a page.
    pub own: bool,
    /// With the traceback in it.
    pub details: bool,
}

/// Answers a request that no call was made for.
pub fn refuse(refusal: &Refusal, app: &App, pages: Pages, mut link: Box<dyn Link>) -> Outcome {
    answer(refusal, app, pages, &mut *link)
}

/// Answers a request whose call has sent nothing.
pub fn refuse_call(refusal: &Refusal, app: &App, pages: Pages, call: &Arc<Call>) -> Outcome {
    call.detached_link(|link| answer(refusal, app, pages, link)).unwrap_or_else(|| error(503))
}

fn answer(refusal: &Refusal, app: &App, pages: Pages, link: &mut dyn Link) -> Outcome {
    if matches!(refusal, Refusal::Elsewhere) {
        return Outcome::of(End::Elsewhere, 0);
    }
    let id = if let Refusal::Failed(record) = refusal { record.id } else { 0 };
    let retry_after = refusal.retry_after();
    if !pages.own {
        return Outcome { end: End::Error, status: 503, retry_after, id };
    }
    let text = match refusal {
        Refusal::Failed(record) => failed(record, app, pages.details),
        Refusal::Busy => page("The application is starting. Please try again in a moment."),
        Refusal::Stopping | Refusal::Elsewhere => {
            page("The server is restarting. Please try again in a moment.")
        }
    };
    let (seconds, length) = (retry_after.to_string(), text.len().to_string());
    let headers: [(&[u8], &[u8]); 4] = [
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Content-Length", length.as_bytes()),
        (b"Retry-After", seconds.as_bytes()),
        (b"Cache-Control", b"no-store"),
    ];
    link.head(503, b"503 Service Unavailable", &headers);
    link.copy(text.as_bytes());
    Outcome { end: End::Complete, status: 0, retry_after, id }
}

fn failed(record: &Record, app: &App, details: bool) -> String {
    let mut text = format!(
        "The application could not be started. The server will try again; the administrator finds the cause in the \
         error log under <code>{:08x}</code>.",
        record.id
    );
    if details {
        let lines = if record.cause.trace.is_empty() {
            vec![record.cause.summary()]
        } else {
            record.cause.trace.clone()
        };
        text.push_str(&format!(
            "</p>\n<p>{}</p>\n<pre>{}</pre>\n<p>",
            escape(&app.shown()),
            escape(&lines.join("\n"))
        ));
    }
    page(&text)
}

fn page(text: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>503 Service Unavailable</title></head>\n\
         <body>\n<h1>Service Unavailable</h1>\n<p>{text}</p>\n</body></html>\n"
    )
}

fn escape(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::startup::Script;
    use wire::plan::StartPlan;

    fn record() -> Record {
        let mut record = Record { id: 0xab, ..Record::default() };
        record.cause.class = "ValueError".into();
        record.cause.trace = vec!["  File \"<x>\"".into(), "ValueError: a & b".into()];
        record
    }

    #[test]
    fn the_page_has_the_id_and_the_traceback_only_if_wanted() {
        let script = Script {
            path: b"/s.wsgi",
            resource: b"/s.wsgi",
            group: b"",
            named_by_client: false,
            callable: b"application",
            stamp: wire::Stamp::UNKNOWN,
            reload: false,
        };
        let app = App::new(&script, b"/s.wsgi", StartPlan::default(), 0);
        let text = failed(&record(), &app, false);
        assert!(
            text.contains("000000ab") && !text.contains("ValueError") && !text.contains("s.wsgi"),
            "{text}"
        );
        let text = failed(&record(), &app, true);
        assert!(text.contains("&lt;x&gt;") && text.contains("ValueError: a &amp; b"), "{text}");
    }
}
