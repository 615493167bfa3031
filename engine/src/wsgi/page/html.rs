//! The page for people: one file without anything from elsewhere, which is loaded again when the application serves. Without
//! JavaScript it is loaded again from time to time.

use super::{Client, Details, Page, headline};
use crate::startup::Place;
use std::fmt::{Display, Write};
use wire::page::{LOOK, Text};

/// A page for developers asks so often, seconds: a file may have changed.
const OFTEN: u32 = 2;

/// The page; `nonce` is what its policy allows script and style with.
pub fn page(page: &Page<'_>, client: &Client, nonce: &str) -> String {
    let mut out = String::new();
    let line = page.line();
    let again = page.retry_after > 0 && client.may_repeat;
    let seconds = if page.details.is_some() { OFTEN } else { page.retry_after.max(OFTEN) };
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{line}</title>"
    );
    if again {
        let _ = write!(
            out,
            "<noscript><meta http-equiv=\"refresh\" content=\"{}\"></noscript>",
            page.retry_after.max(OFTEN)
        );
    }
    let _ = write!(
        out,
        "<link rel=\"icon\" href=\"data:,\"><style nonce=\"{nonce}\">{LOOK}{}</style></head><body>\
         <header><h1>{}</h1><p>{line}</p></header><main>",
        include_str!("page.css"),
        Text(page.title),
    );
    if let Some(details) = &page.details {
        cause(&mut out, details);
    }
    let _ = write!(out, "<section><p>{}</p><dl>", Text(page.says));
    facts(&mut out, page, client);
    out.push_str("</dl></section>");
    if let Some(details) = page.details.as_ref().filter(|details| !details.cause.trace.is_empty()) {
        let _ = write!(
            out,
            "<section><h3>Traceback</h3><pre>{}</pre></section>",
            Text(&details.cause.trace.join("\n"))
        );
    }
    out.push_str("</main>");
    if again {
        let seen = page.details.as_ref().map_or_else(String::new, |details| details.seen().concat());
        let _ = write!(
            out,
            "<script nonce=\"{nonce}\" data-id=\"{}\" data-seen=\"{}\" data-seconds=\"{seconds}\">{}</script>",
            page.shown_id().unwrap_or_default(),
            Text(&seen),
            include_str!("page.js"),
        );
    }
    out.push_str("</body></html>\n");
    out
}

/// What can be looked up in the log, and when to come again.
fn facts(out: &mut String, page: &Page<'_>, client: &Client) {
    let mut fact = |name: &str, value: &dyn Display| {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    };
    if page.retry_after > 0 {
        fact("next attempt", &format_args!("<span id=\"next\">in {} s</span>", page.retry_after));
    }
    if let Some(id) = page.shown_id() {
        fact("error", &format_args!("<code>{id}</code>"));
    }
    if page.attempts > 0 && page.details.is_some() {
        fact("attempts", &page.attempts);
    }
    if !client.request.is_empty() {
        fact("request", &format_args!("<code>{}</code>", Text(&client.request)));
    }
}

fn cause(out: &mut String, details: &Details<'_>) {
    let _ = write!(
        out,
        "<section><h2>{}</h2><p class=\"faint\">{}</p>",
        Text(&details.cause.summary()),
        Text(&details.subject)
    );
    if let Some(place) = &details.cause.place {
        let _ = write!(out, "<h3 class=\"file\">{}</h3>", Text(&headline(place)));
        source(out, place);
    }
    if let Some(advice) = &details.advice {
        let _ = write!(out, "<h3>What to do</h3><p>{}</p>", Text(advice));
    }
    out.push_str("</section>");
}

fn source(out: &mut String, place: &Place) {
    if place.source.is_empty() {
        return;
    }
    out.push_str("<div class=\"source\"><div>");
    for (number, line) in &place.source {
        let class = if *number == place.line { " class=\"here\"" } else { "" };
        let _ = write!(out, "<pre{class}><b>{number}</b>{}\n</pre>", Text(line));
    }
    out.push_str("</div></div>");
}
