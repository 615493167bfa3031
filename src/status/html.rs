//! The snapshot as a page: one file without anything from elsewhere, which works without JavaScript, and with it shows what is new
//! without being loaded again.

use super::snapshot::{Group, Process, Request, Snapshot, phase};
use crate::ledger::span;
use std::fmt::{self, Display, Formatter, Write};
use wire::ledger::{Histogram, Note, Phase};
use wire::page::{LOOK, Text};
use wire::starts::Started;

/// Requests of a group that are listed.
const MOST_REQUESTS: usize = 200;
/// A request is slow, or very slow, after so many microseconds.
const SLOW: (u64, u64) = (1_000_000, 10_000_000);
/// A wait for the GIL is long, or very long, likewise.
const LONG_WAIT: (u64, u64) = (100_000, 1_000_000);

/// The page; `nonce` is what its policy allows scripts and styles with.
pub fn page(snapshot: &Snapshot, nonce: &str) -> String {
    let mut out = String::new();
    let server = &snapshot.server;
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>mod_wsgi status</title>\
         <link rel=\"icon\" href=\"data:,\"><style nonce=\"{nonce}\">{LOOK}{}</style></head><body>\
         <header><h1>mod_wsgi status</h1><p>{} &middot; {} &middot; mod_wsgi {}</p>\
         <p><a href=\"?json\">JSON</a> &middot; <a href=\"?openmetrics\">OpenMetrics</a></p>\
         <p id=\"state\" role=\"status\"></p></header><main>",
        include_str!("page.css"),
        Text(&server.httpd),
        Text(&server.mpm),
        Text(server.version),
    );
    if server.begun == 0 {
        out.push_str("<section><p>Nothing is counted: the memory for it could not be created (WSGI1111).</p></section>");
    }
    for shown in snapshot.groups.iter().filter(|group| is_of_interest(group)) {
        group(&mut out, shown, server.now);
    }
    let _ =
        writeln!(out, "</main><script nonce=\"{nonce}\">{}</script></body></html>", include_str!("page.js"));
    out
}

/// Embedded mode is shown where it is used.
fn is_of_interest(group: &Group) -> bool {
    group.name.is_some()
        || group.condition == "serving"
        || group.totals.arrived > 0
        || !group.notes.is_empty()
}

fn group(out: &mut String, group: &Group, now: i64) {
    let colour = match group.condition {
        "serving" => "good",
        "down" => "bad",
        _ => "slow",
    };
    out.push_str("<section><div class=\"title\"><h2>");
    let _ = match &group.name {
        Some(name) => write!(out, "{}", Text(name)),
        None => write!(out, "Embedded mode"),
    };
    let _ = write!(out, "</h2><span class=\"mark {colour}\">{}</span>", group.condition);
    if let Some(host) = &group.host {
        let _ = write!(out, "<span class=\"faint\">{}</span>", Text(host));
    }
    out.push_str("</div>");
    tiles(out, group);
    requests(out, &group.requests, group.name.is_none());
    processes(out, group, now);
    notes(out, &group.notes, now);
    out.push_str("</section>");
}

fn tiles(out: &mut String, group: &Group) {
    let totals = &group.totals;
    let waiting = group.waiting();
    out.push_str("<dl>");
    let mut tile = |name: &str, colour: &str, value: &dyn Display| {
        let _ = write!(out, "<div><dt>{name}</dt><dd class=\"{colour}\">{value}</dd></div>");
    };
    tile("requests", "", &totals.arrived);
    tile("in progress", "", &group.requests.len());
    if group.name.is_some() {
        let text = format!("{waiting} (most {})", group.longest());
        tile("waiting", if waiting > 0 { "slow" } else { "" }, &text);
    }
    let failed = totals.classes[4];
    tile("status 5xx", if failed > 0 { "bad" } else { "" }, &failed);
    if totals.broken > 0 {
        tile("broken off", "bad", &totals.broken);
    }
    if group.name.is_some() {
        tile("queue: median, 95 %", "", &Spread(&totals.queue));
    }
    tile("application: median, 95 %", "", &Spread(&totals.application));
    tile("in all: median, 95 %", "", &Spread(&totals.total));
    out.push_str("</dl>");
}

fn requests(out: &mut String, requests: &[Request], embedded: bool) {
    if requests.is_empty() {
        return;
    }
    out.push_str("<h3>Requests in progress</h3>");
    table(out, &["age", "request", "where", "process", "virtual host", "client", "id"]);
    for request in requests.iter().take(MOST_REQUESTS) {
        let _ = write!(out, "<tr class=\"{}\">", step(request.age, SLOW));
        cell(out, "age", &Span(request.age));
        let title = format!("{} {}", request.method, request.uri);
        long_cell(out, "request", &Code(&title));
        cell(out, "where", &phase(request.phase));
        let place = match request.process {
            _ if embedded => request.child.to_string(),
            Some((pid, Some(thread))) => format!("{pid}, thread {thread}"),
            Some((pid, None)) => pid.to_string(),
            None if request.phase == Phase::Sending => format!("Apache's child {}", request.child),
            None => "none yet".into(),
        };
        cell(out, "process", &place);
        cell(out, "virtual host", &Text(&request.host));
        cell(out, "client", &Text(&request.client));
        cell(out, "id", &Code(&request.id));
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    let more = requests.len().saturating_sub(MOST_REQUESTS);
    if more > 0 {
        let _ = write!(out, "<p class=\"faint\">and {more} more, which are younger</p>");
    }
}

fn processes(out: &mut String, group: &Group, now: i64) {
    if group.processes.is_empty() {
        return;
    }
    out.push_str("<h3>Processes</h3>");
    let embedded = group.name.is_none();
    let mut names =
        vec!["pid", "state", "age", "start", "threads busy", "GIL wait", "requests", "memory", "processor"];
    if !embedded {
        names.insert(0, "place");
        names.extend(["restarts", "last restart"]);
    }
    table(out, &names);
    for process in &group.processes {
        out.push_str("<tr>");
        row(out, process, embedded, now);
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    if group.unlisted > 0 {
        let _ = write!(out, "<p class=\"faint\">up to {} more are not listed</p>", group.unlisted);
    }
}

fn row(out: &mut String, process: &Process, embedded: bool, now: i64) {
    if !embedded {
        cell(out, "place", &process.place.map_or("-".into(), |place| (u64::from(place) + 1).to_string()));
    }
    cell(out, "pid", &process.pid);
    cell(out, "state", &process.phase);
    cell(out, "age", &Span(process.age));
    cell(out, "start", &process.started.map_or_else(|| "-".into(), start));
    let all = process.threads > 0 && process.busy >= process.threads;
    let admitted = process.admitted.filter(|admitted| *admitted < process.threads);
    let at_a_time = admitted.map_or_else(String::new, |admitted| format!(", {admitted} at a time"));
    let busy = format!("{} of {}{at_a_time}", process.busy, process.threads);
    let _ = write!(
        out,
        "<td data-name=\"threads busy\" class=\"short {}\">{busy}</td>",
        if all { "slow" } else { "" }
    );
    let wait = process.gil_wait.unwrap_or(0);
    let text = if wait > 0 { Span(wait).to_string() } else { "-".into() };
    let _ = write!(out, "<td data-name=\"GIL wait\" class=\"short {}\">{text}</td>", step(wait, LONG_WAIT));
    cell(out, "requests", &process.counters.requests);
    let unknown = || "unknown".to_owned();
    cell(out, "memory", &process.memory.map_or_else(unknown, |bytes| format!("{} MiB", bytes >> 20)));
    cell(out, "processor", &process.computed.map_or_else(unknown, |time| Span(time).to_string()));
    if !embedded {
        cell(out, "restarts", &process.restarts);
        match &process.last {
            Some(last) => {
                let text = format!("{} ago: {}", Span(span(last.at, now)), last.reason);
                long_cell(out, "last restart", &Text(&text));
            }
            None => long_cell(out, "last restart", &""),
        }
    }
}

/// How long the applications of a process took to start, and the most of what that was.
fn start(started: Started) -> String {
    let span = |ms: u64| Span(ms.saturating_mul(1000));
    let (import, warm_up) = (started.took.import.into(), started.took.warm_up.into());
    let mut text = format!("{} (import {}", span(started.total()), span(import));
    if warm_up > 0 {
        let _ = write!(text, ", warm-up {}", span(warm_up));
    }
    text + ")"
}

fn notes(out: &mut String, notes: &[Note], now: i64) {
    if notes.is_empty() {
        return;
    }
    out.push_str("<h3>Failed starts, deaths and replacements</h3>");
    table(out, &["ago", "message", "what the log says"]);
    for note in notes {
        let colour = match note.level {
            0..=3 => "bad",
            4 => "slow",
            _ => "",
        };
        out.push_str("<tr>");
        cell(out, "ago", &Span(span(note.at, now)));
        let _ = write!(
            out,
            "<td data-name=\"message\" class=\"short {colour}\"><code>WSGI{:04}</code></td>",
            note.number
        );
        long_cell(out, "the log", &Text(&note.text));
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
}

fn table(out: &mut String, names: &[&str]) {
    out.push_str("<table><thead><tr>");
    for name in names {
        let _ = write!(out, "<th>{name}</th>");
    }
    out.push_str("</tr></thead><tbody>");
}

/// One that is no longer than a number or a few words.
fn cell(out: &mut String, name: &str, value: &dyn Display) {
    let _ = write!(out, "<td data-name=\"{name}\" class=\"short\">{value}</td>");
}

/// One that may be long.
fn long_cell(out: &mut String, name: &str, value: &dyn Display) {
    let _ = write!(out, "<td data-name=\"{name}\" class=\"long\">{value}</td>");
}

fn step(time: u64, limits: (u64, u64)) -> &'static str {
    match time {
        time if time >= limits.1 => "bad",
        time if time >= limits.0 => "slow",
        _ => "",
    }
}

/// The same, as it would be typed.
struct Code<'a>(&'a str);

impl Display for Code<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "<code>{}</code>", Text(self.0))
    }
}

/// A span of time, of which two digits matter.
struct Span(u64);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000_000;
        match self.0 {
            1..10_000 if self.0 % 1000 > 0 => write!(f, "{:.1} ms", self.0 as f64 / 1e3),
            0..1_000_000 => write!(f, "{} ms", self.0.div_ceil(1000)),
            1_000_000..10_000_000 => write!(f, "{:.1} s", self.0 as f64 / 1e6),
            _ if seconds < 120 => write!(f, "{seconds} s"),
            _ if seconds < 7200 => write!(f, "{} min", seconds / 60),
            _ if seconds < 172_800 => write!(f, "{} h", seconds / 3600),
            _ => write!(f, "{} d", seconds / 86_400),
        }
    }
}

/// Two shares of a histogram, as far as its buckets tell.
struct Spread<'a>(&'a Histogram);

impl Display for Spread<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.count() == 0 {
            return f.write_str("-");
        }
        let share =
            |share| self.0.quantile(share).map_or("&gt; 60 s".into(), |end| format!("&le; {}", Span(end)));
        write!(f, "{}, {}", share(0.5), share(0.95))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_the_unit_that_fits() {
        let spans = [0, 2_500, 999_000, 1_500_000, 61_000_000, 121_000_000, 7_200_000_000, 172_800_000_000];
        let texts = ["0 ms", "2.5 ms", "999 ms", "1.5 s", "61 s", "2 min", "2 h", "2 d"];
        assert_eq!(spans.map(|span| Span(span).to_string()), texts);
    }
}
