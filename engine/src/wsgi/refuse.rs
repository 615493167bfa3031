//! What a visitor sees of an application that does not start, or has raised.

use super::call::Call;
use super::failed::error;
use super::page::{Client, Details, Page};
use crate::requests::Link;
use crate::startup::{App, Cause, Refusal, advice};
use std::sync::Arc;
use wire::abi::{End, Outcome};

/// What a visitor sees of an application that does not start, or has raised.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pages {
    /// Whether the module sends its own page while it does not start; otherwise only the status, for which the server has a page.
    pub own: bool,
    /// The same for one that has raised, if details are wanted.
    pub own_error: bool,
    /// With the cause in it.
    pub details: bool,
}

/// Answers a request that no call was made for.
pub fn refuse(
    refusal: &Refusal,
    app: &App,
    pages: Pages,
    client: &dyn Fn() -> Client,
    mut link: Box<dyn Link>,
) -> Outcome {
    answer(refusal, app, pages, client, &mut *link)
}

/// Answers a request whose call has sent nothing.
pub fn refuse_call(
    refusal: &Refusal,
    app: &App,
    pages: Pages,
    client: &dyn Fn() -> Client,
    call: &Arc<Call>,
) -> Outcome {
    call.detached_link(|link| answer(refusal, app, pages, client, link)).unwrap_or_else(|| error(503))
}

fn answer(
    refusal: &Refusal,
    app: &App,
    pages: Pages,
    client: &dyn Fn() -> Client,
    link: &mut dyn Link,
) -> Outcome {
    if matches!(refusal, Refusal::Elsewhere) {
        return Outcome::of(End::Elsewhere, 0);
    }
    let id = if let Refusal::Failed(record) = refusal { record.id } else { 0 };
    let retry_after = refusal.retry_after();
    if !pages.own {
        return Outcome { end: End::Error, status: 503, retry_after, id };
    }
    page(refusal, app, pages.details).send(&client(), link);
    Outcome { end: End::Complete, status: 0, retry_after, id }
}

/// Says what a call has raised to those who are meant to know; `outcome` is what is known otherwise.
pub fn tell(
    cause: &Cause,
    app: &App,
    pages: Pages,
    client: &dyn Fn() -> Client,
    call: &Arc<Call>,
    outcome: Outcome,
) -> Outcome {
    if !(pages.own_error && pages.details) || outcome != error(500) {
        return outcome;
    }
    let page = Page {
        status: (500, "Internal Server Error"),
        title: "The application has failed",
        says: "The error log has it as well. You see it because WSGIErrorDetails is On.",
        details: Some(Details { subject: app.title(), cause, advice: None }),
        ..Page::default()
    };
    let sent = call.detached_link(|link| page.send(&client(), link));
    sent.map_or(outcome, |()| Outcome::of(End::Complete, 0))
}

fn page<'a>(refusal: &'a Refusal, app: &App, details: bool) -> Page<'a> {
    let page = Page {
        status: (503, "Service Unavailable"),
        retry_after: refusal.retry_after(),
        says: "Please try again in a moment.",
        ..Page::default()
    };
    match refusal {
        Refusal::Failed(record) => {
            let cause = &record.cause;
            let advice =
                || advice(&cause.class, &cause.text, &cause.trace, app.interpreter.group().is_empty());
            Page {
                title: "The application could not be started",
                says: if details {
                    "The server tries again at that time, or as soon as one of the application's files changes, and this page is \
                     loaded again when the application serves."
                } else {
                    "The server will try again. The administrator finds the cause in the error log under the number of the error."
                },
                id: record.id,
                attempts: record.attempts,
                details: details.then(|| Details {
                    subject: app.title(),
                    cause,
                    advice: advice().map(|advice| advice.text),
                }),
                ..page
            }
        }
        Refusal::Busy => Page { title: "The application is starting", ..page },
        Refusal::Stopping | Refusal::Elsewhere => Page { title: "The server is restarting", ..page },
    }
}
