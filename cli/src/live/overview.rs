//! `status` and `requests`: what the status page shows, in lines.

use super::table::{clean, list, number, seconds, span, table, text};
use serde_json::Value;
use std::fmt::Write;

/// Requests of a group that `status` shows.
const MOST: usize = 20;

/// All of it.
pub fn shown(state: &Value) -> String {
    let mut out = format!(
        "{} ({}), mod_wsgi {}\n",
        clean(text(state, "httpd")),
        clean(text(state, "mpm")),
        clean(text(state, "mod_wsgi"))
    );
    for shown in list(state, "groups").iter().filter(|group| is_of_interest(group)) {
        group(&mut out, shown, seconds(state, "time"));
    }
    out
}

/// Embedded mode is shown where it is used.
fn is_of_interest(group: &Value) -> bool {
    group["embedded"] != true || text(group, "condition") == "serving" || number(group, "arrived") > 0
}

fn group(out: &mut String, group: &Value, now: f64) {
    let name = match group["embedded"] == true {
        true => "Embedded mode, %{GLOBAL}".to_owned(),
        false => format!("Group {}", clean(text(group, "name"))),
    };
    let _ = writeln!(
        out,
        "\n{name}: {}; {} requests, {} in progress, {} waiting (most {}), {} with status 5xx",
        clean(text(group, "condition")),
        number(group, "arrived"),
        list(group, "requests").len(),
        number(group, "waiting"),
        number(group, "waiting_longest"),
        number(&group["statuses"], "5xx"),
    );
    let rows: Vec<_> = list(group, "processes").iter().map(|process| process_row(process, now)).collect();
    if !rows.is_empty() {
        let names = [
            "pid",
            "place",
            "state",
            "age",
            "busy",
            "GIL wait",
            "requests",
            "memory",
            "processor",
            "restarts",
            "last restart",
        ];
        *out += &table(&names, &rows, "  ");
    }
    let mut rows: Vec<_> = list(group, "requests").iter().map(|request| request_row(request, None)).collect();
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    if !rows.is_empty() {
        *out += &table(&["age", "where", "pid", "id", "request"], &rows, "  ");
    }
    if more > 0 {
        let _ = writeln!(out, "  and {more} more, which are younger (mod-wsgi requests)");
    }
    for event in list(group, "events") {
        let ago = span((now - seconds(event, "time")).max(0.0));
        let _ =
            writeln!(out, "  {ago} ago, {}: {}", clean(text(event, "message")), clean(text(event, "text")));
    }
}

fn process_row(process: &Value, now: f64) -> Vec<String> {
    let known = |name: &str, shown: &dyn Fn(f64) -> String| {
        process.get(name).and_then(Value::as_f64).map_or("-".to_owned(), shown)
    };
    let last = &process["last_restart"];
    let last = match last.is_object() {
        true => {
            format!("{} ago: {}", span((now - seconds(last, "time")).max(0.0)), clean(text(last, "reason")))
        }
        false => String::new(),
    };
    vec![
        number(process, "pid").to_string(),
        known("place", &|place| place.to_string()),
        clean(text(process, "phase")),
        span(seconds(process, "age")),
        format!("{} of {}", number(process, "threads_busy"), number(process, "threads")),
        known("gil_wait_seconds", &|time| if time > 0.0 { span(time) } else { "-".into() }),
        number(process, "requests").to_string(),
        known("resident_bytes", &|bytes| format!("{:.0} MiB", bytes / 1_048_576.0)),
        known("cpu_seconds", &|time| span(time)),
        number(process, "restarts").to_string(),
        last,
    ]
}

/// All requests in progress, the slowest first, each with the name of its group.
pub fn requests(state: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for group in list(state, "groups") {
        for request in list(group, "requests") {
            let mut request = request.clone();
            request["group"] = group["name"].clone();
            all.push(request);
        }
    }
    all.sort_by(|a, b| seconds(b, "age").total_cmp(&seconds(a, "age")));
    all
}

/// The same in lines.
pub fn requests_text(state: &Value) -> String {
    let rows: Vec<_> =
        requests(state).iter().map(|request| request_row(request, Some(text(request, "group")))).collect();
    if rows.is_empty() {
        return "No request is in progress.\n".into();
    }
    table(&["age", "where", "group", "pid", "id", "request"], &rows, "")
}

fn request_row(request: &Value, group: Option<&str>) -> Vec<String> {
    let pid = match (number(request, "pid"), number(request, "thread")) {
        (0, _) => "-".to_owned(),
        (pid, 0) => pid.to_string(),
        (pid, thread) => format!("{pid}, thread {thread}"),
    };
    let mut row = vec![span(seconds(request, "age")), clean(text(request, "phase"))];
    row.extend(group.map(clean));
    row.extend([
        pid,
        clean(text(request, "id")),
        format!("{} {}", clean(text(request, "method")), clean(text(request, "uri"))),
    ]);
    row
}
