//! What clients see of an application that cannot answer, in either mode: HTML for people, JSON (RFC 9457) or text for programs.
//! Who may see the cause is decided elsewhere; what an application says of it is text, whatever it contains.

mod client;
mod html;

pub use client::{Client, Form};

use crate::requests::Link;
use crate::startup::{Cause, Place};
use std::fmt::Write;
use wire::json::Value::{self, List, Number, Object};
use wire::page::{self, plain};

/// An answer of this module.
#[derive(Default)]
pub struct Page<'a> {
    /// The status and its name, `503 Service Unavailable`.
    pub status: (i32, &'static str),
    /// What is the matter, in a few words.
    pub title: &'static str,
    /// What follows, in sentences.
    pub says: &'static str,
    /// The id of a failed start; 0: it is none.
    pub id: u32,
    /// Its attempts.
    pub attempts: u32,
    /// Seconds until it is worth while to ask again; 0: that is not known.
    pub retry_after: u32,
    /// What only those may see who look after the application.
    pub details: Option<Details<'a>>,
}

/// Why the application cannot answer.
pub struct Details<'a> {
    /// The application.
    pub subject: String,
    /// What it raised, and where.
    pub cause: &'a Cause,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Page<'_> {
    /// Sends it.
    pub fn send(&self, client: &Client, link: &mut dyn Link) {
        // Without chance no script of a page's own can be told from another one.
        let nonce = os::random().map(page::nonce);
        let (kind, text, policy) = match (client.form, nonce) {
            (Form::Html, Ok(nonce)) => {
                ("text/html; charset=utf-8", html::page(self, client, &nonce), Some(page::policy(&nonce)))
            }
            (Form::Json, _) => ("application/problem+json", self.json(client), None),
            _ => ("text/plain; charset=utf-8", self.text(client), None),
        };
        let (seconds, length) = (self.retry_after.to_string(), text.len().to_string());
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b"Content-Type", kind.as_bytes()),
            (b"Content-Length", length.as_bytes()),
            (b"Cache-Control", b"no-store"),
            (b"Vary", b"Accept"),
            (b"X-Content-Type-Options", b"nosniff"),
        ];
        if self.retry_after > 0 {
            headers.push((b"Retry-After", seconds.as_bytes()));
        }
        headers.extend(policy.iter().map(|text| (&b"Content-Security-Policy"[..], text.as_bytes())));
        link.head(self.status.0, self.line().as_bytes(), &headers);
        link.copy(text.as_bytes());
    }

    /// `503 Service Unavailable`
    fn line(&self) -> String {
        format!("{} {}", self.status.0, self.status.1)
    }

    /// The id of a failed start, as the log has it.
    fn shown_id(&self) -> Option<String> {
        (self.id != 0).then(|| format!("{:08x}", self.id))
    }

    fn json(&self, client: &Client) -> String {
        let mut pairs = vec![
            ("type", text_of("about:blank")),
            ("title", text_of(self.status.1)),
            ("status", Number(u64::try_from(self.status.0).unwrap_or(0))),
            ("detail", Value::Text(format!("{}. {}", self.title, self.says))),
        ];
        pairs.extend(self.shown_id().map(|id| ("error_id", Value::Text(id))));
        if !client.request.is_empty() {
            pairs.push(("request_id", text_of(&client.request)));
        }
        if self.retry_after > 0 {
            pairs.push(("retry_after", Number(self.retry_after.into())));
        }
        if let Some(details) = &self.details {
            pairs.push(("application", text_of(&details.subject)));
            // The page has seen the same two, and compares.
            let [exception, place] = details.seen();
            pairs.push(("exception", Value::Text(exception)));
            if details.cause.place.is_some() {
                pairs.push(("place", Value::Text(place)));
            }
            pairs.extend(details.advice.iter().map(|advice| ("advice", text_of(advice))));
            pairs.push(("traceback", List(details.cause.trace.iter().map(|line| text_of(line)).collect())));
        }
        format!("{}\n", Object(pairs))
    }

    fn text(&self, client: &Client) -> String {
        let mut out = format!("{}\n\n{}. {}\n", self.line(), self.title, self.says);
        let id = self.shown_id().map(|id| format!("error {id}"));
        let request = (!client.request.is_empty()).then(|| format!("request {}", client.request));
        let next = (self.retry_after > 0).then(|| format!("next attempt in {} s", self.retry_after));
        let facts: Vec<String> = [id, request, next].into_iter().flatten().collect();
        if !facts.is_empty() {
            let _ = writeln!(out, "{}", facts.join(", "));
        }
        if let Some(details) = &self.details {
            details.text(&mut out);
        }
        out.chars().map(plain).collect()
    }
}

impl Details<'_> {
    /// What was raised, and where (or nothing), without characters that a page cannot have.
    fn seen(&self) -> [String; 2] {
        let place = self.cause.place.as_ref().map(|place| place.title()).unwrap_or_default();
        [self.cause.summary(), place].map(|text| text.chars().map(plain).collect())
    }

    fn text(&self, out: &mut String) {
        let _ = writeln!(out, "\n{}\n{}", self.subject, self.cause.summary());
        if let Some(place) = &self.cause.place {
            let _ = writeln!(out, "\n{}", headline(place));
            for (number, line) in &place.source {
                let mark = if *number == place.line { '>' } else { ' ' };
                let _ = writeln!(out, "{mark} {number:>5}  {line}");
            }
        }
        if let Some(advice) = &self.advice {
            let _ = writeln!(out, "\nwhat to do: {advice}");
        }
        if !self.cause.trace.is_empty() {
            let _ = writeln!(out, "\n{}", self.cause.trace.join("\n"));
        }
    }
}

fn text_of(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// `/srv/app.py, line 3, in load`
fn headline(place: &Place) -> String {
    let inside = if place.function.is_empty() { String::new() } else { format!(", in {}", place.function) };
    format!("{}, line {}{inside}", place.file, place.line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> Cause {
        Cause {
            class: "ValueError".into(),
            text: "a & <b>".into(),
            trace: vec!["  File \"<x>\"".into(), "ValueError: a & <b>\u{1b}".into()],
            place: Some(Box::new(Place {
                file: "/srv/a.py".into(),
                line: 2,
                function: "load".into(),
                source: vec![(1, "import x".into()), (2, "x('</script>')".into())],
            })),
        }
    }

    /// Each form, with and without details.
    fn forms(details: bool) -> [String; 3] {
        let cause = cause();
        let shown = || Details {
            subject: "WSGI script '/s.wsgi'".into(),
            cause: &cause,
            advice: Some("do <that>.".into()),
        };
        let page = Page {
            status: (503, "Service Unavailable"),
            title: "It does not start",
            says: "Wait.",
            id: 0xab,
            retry_after: 3,
            details: details.then(shown),
            ..Page::default()
        };
        let client = Client { form: Form::Html, request: "R<1>".into(), may_repeat: true };
        [html::page(&page, &client, "N"), page.json(&client), page.text(&client)]
    }

    #[test]
    fn the_cause_is_there_only_if_it_is_wanted() {
        for text in forms(false) {
            assert!(text.contains("000000ab") && text.contains("It does not start"), "{text}");
            for secret in ["ValueError", "s.wsgi", "a.py", "import", "that"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
        for text in forms(true) {
            for part in ["ValueError: a ", "s.wsgi", "/srv/a.py", "000000ab", "R"] {
                assert!(text.contains(part), "{part} not in {text}");
            }
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    /// Otherwise the page would be loaded again and again.
    #[test]
    fn the_page_has_seen_what_the_json_says() {
        let mut cause = cause();
        cause.text = "a & <b> \u{1b}[31m \0 \r\n\t \u{85} 'é'".into();
        if let Some(place) = &mut cause.place {
            place.file = "/srv/\u{1b}\u{7f}.py".into();
        }
        let details = Details { subject: String::new(), cause: &cause, advice: None };
        let page = Page { id: 1, retry_after: 3, details: Some(details), ..Page::default() };
        let client = Client { form: Form::Html, request: String::new(), may_repeat: true };
        let [exception, place] = page.details.as_ref().expect("details").seen();
        assert!(exception.contains("\u{fffd}[31m") && place.ends_with(".py:2"), "{exception} {place}");
        let seen = format!(" data-seen=\"{exception}{place}\" ");
        let seen =
            seen.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;");
        let json = page.json(&client);
        for (name, text) in [("exception", exception), ("place", place)] {
            let pair = Object(vec![(name, Value::Text(text))]).to_string();
            assert!(json.contains(pair.trim_matches(['{', '}'])), "{pair} not in {json}");
        }
        let html = html::page(&page, &client, "N");
        assert!(html.contains(&seen), "{seen} not in {html}");
    }

    #[test]
    fn what_applications_say_is_no_markup() {
        let [html, json, text] = forms(true);
        for part in [
            "ValueError: a &amp; &lt;b&gt;",
            "x(&#39;&lt;/script&gt;&#39;)",
            "do &lt;that&gt;.",
            "R&lt;1&gt;",
        ] {
            assert!(html.contains(part), "{part} not in {html}");
        }
        assert_eq!(html.matches("</script>").count(), 1, "its own");
        assert!(!json.contains('<') && json.contains(r#""place":"/srv/a.py:2""#), "{json}");
        assert!(text.contains(">     2  x('</script>')") && text.contains("next attempt in 3 s"), "{text}");
    }
}
