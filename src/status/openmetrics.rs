//! The snapshot as OpenMetrics 1.0 has it, which Prometheus reads. Counters are those of the ledger, which processes that are replaced
//! leave as they are; what is of one process has its pid as a label.

use super::snapshot::{CLASSES, Group, Process, Snapshot};
use std::fmt::{self, Display, Formatter, Write};
use wire::ledger::{BOUNDS, Histogram};

/// All of it.
pub fn text(snapshot: &Snapshot) -> String {
    let mut out = Out(String::new());
    let (server, groups) = (&snapshot.server, &snapshot.groups);
    out.family("mod_wsgi", "info", "The module and the server that it is in.", "");
    let labels = [("version", server.version), ("httpd", &server.httpd), ("mpm", &server.mpm)];
    out.sample("mod_wsgi_info", &labels, 1);
    out.groups("requests_arrived", Kind::Counter, "Requests that have come to the group.", groups, |group| {
        group.totals.arrived
    });
    out.family(
        "mod_wsgi_responses",
        "counter",
        "Requests that have ended, by the class of their status.",
        "",
    );
    for group in groups {
        for (class, count) in CLASSES.into_iter().zip(group.totals.classes) {
            let labels = [("group", group.label()), ("class", class)];
            out.sample("mod_wsgi_responses_total", &labels, count);
        }
    }
    out.groups("responses_broken", Kind::Counter, "Answers that have broken off.", groups, |group| {
        group.totals.broken
    });
    for (name, help) in [
        ("queue", "How long requests waited for a thread of a process."),
        ("application", "How long the application had requests."),
        ("request", "How long Apache had requests, from the call of their handler to its end."),
    ] {
        let metric = format!("mod_wsgi_{name}_seconds");
        out.family(&metric, "histogram", help, "seconds");
        // Embedded mode has no queue.
        for group in groups.iter().filter(|group| name != "queue" || group.name.is_some()) {
            let histogram = match name {
                "queue" => &group.totals.queue,
                "application" => &group.totals.application,
                _ => &group.totals.total,
            };
            out.histogram(&metric, group.label(), histogram);
        }
    }
    out.groups(
        "requests_in_progress",
        Kind::Gauge,
        "Requests that Apache has for the group.",
        groups,
        |group| group.requests.len() as u64,
    );
    out.groups(
        "requests_waiting",
        Kind::Gauge,
        "Requests that wait for a thread of a process.",
        groups,
        |group| group.waiting() as u64,
    );
    let help = "The most requests that have waited at a time.";
    out.groups("requests_waiting_longest", Kind::Gauge, help, groups, |group| group.longest() as u64);
    let help = "1: no process of the group serves, and the next one is started later.";
    out.groups("group_down", Kind::Gauge, help, groups, |group| u64::from(group.condition == "down"));
    processes(&mut out, groups);
    out.0.push_str("# EOF\n");
    out.0
}

fn processes(out: &mut Out, groups: &[Group]) {
    out.groups("processes", Kind::Gauge, "Processes of the group.", groups, |group| {
        group.processes.len() as u64
    });
    out.family(
        "mod_wsgi_process_restarts",
        "counter",
        "How often the process at a place was replaced or died.",
        "",
    );
    for group in groups {
        let mut places: Vec<(u32, u64)> =
            group.processes.iter().filter_map(|process| Some((process.place?, process.restarts))).collect();
        places.sort_unstable();
        // One that is there and its successor stand at the same place.
        places.dedup_by_key(|(place, _)| *place);
        for (place, restarts) in places {
            let place = (u64::from(place) + 1).to_string();
            let labels = [("group", group.label()), ("place", &place)];
            out.sample("mod_wsgi_process_restarts_total", &labels, restarts);
        }
    }
    let each =
        |out: &mut Out, name: &str, kind: Kind, help: &str, value: &dyn Fn(&Process) -> Option<f64>| {
            let (name, unit) = (format!("mod_wsgi_process_{name}"), unit_of(name));
            out.family(&name, kind.name(), help, unit);
            for group in groups {
                for process in &group.processes {
                    let Some(value) = value(process) else { continue };
                    let pid = process.pid.to_string();
                    out.sample(
                        &format!("{name}{}", kind.end()),
                        &[("group", group.label()), ("pid", &pid)],
                        value,
                    );
                }
            }
        };
    each(out, "resident_memory_bytes", Kind::Gauge, "Memory of the process.", &|process| {
        process.memory.map(|bytes| bytes as f64)
    });
    each(out, "cpu_seconds", Kind::Counter, "Processor time of the process.", &|process| {
        process.computed.map(|time| time as f64 / 1e6)
    });
    each(out, "age_seconds", Kind::Gauge, "How long the process has been there.", &|process| {
        Some(process.age as f64 / 1e6)
    });
    each(out, "threads", Kind::Gauge, "Threads of the process for requests.", &|process| {
        Some(process.threads.into())
    });
    each(out, "threads_busy", Kind::Gauge, "Threads of the process that have a request.", &|process| {
        Some(process.busy.into())
    });
    let help =
        "How long a thread of the process that wants the GIL waits for it, while requests are in progress.";
    each(out, "gil_wait_seconds", Kind::Gauge, help, &|process| {
        process.gil_wait.map(|time| time as f64 / 1e6)
    });
}

/// The end of a name says its unit.
fn unit_of(name: &str) -> &'static str {
    ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit)).unwrap_or_default()
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }

    /// What stands behind the name of a sample.
    fn end(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge => "",
        }
    }
}

struct Out(String);

impl Out {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}");
    }

    fn family(&mut self, name: &str, kind: &str, help: &str, unit: &str) {
        self.line(format_args!("# TYPE {name} {kind}"));
        if !unit.is_empty() {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name} {help}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.line(format_args!("{name}{} {value}", Labels(labels)));
    }

    /// A number of each group.
    fn groups(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        groups: &[Group],
        value: impl Fn(&Group) -> u64,
    ) {
        let name = format!("mod_wsgi_{name}");
        self.family(&name, kind.name(), help, "");
        for group in groups {
            let labels = [("group", group.label())];
            self.sample(&format!("{name}{}", kind.end()), &labels, value(group));
        }
    }

    fn histogram(&mut self, name: &str, group: &str, histogram: &Histogram) {
        let mut count = 0u64;
        let bounds = BOUNDS.iter().map(|bound| (*bound as f64 / 1e6).to_string()).chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(histogram.buckets) {
            count = count.wrapping_add(bucket);
            // A float, as OpenMetrics wants it.
            let bound = if bound.contains(['.', 'I']) { bound } else { format!("{bound}.0") };
            self.sample(&format!("{name}_bucket"), &[("group", group), ("le", &bound)], count);
        }
        self.sample(&format!("{name}_sum"), &[("group", group)], histogram.sum as f64 / 1e6);
        self.sample(&format!("{name}_count"), &[("group", group)], count);
    }
}

struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}=\"", if at > 0 { "," } else { "" })?;
            for c in value.chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    '\n' => f.write_str("\\n")?,
                    c => write!(f, "{c}")?,
                }
            }
            f.write_str("\"")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(Labels(&[("a", "x\"\\\n"), ("b", "")]).to_string(), r#"{a="x\"\\\n",b=""}"#);
    }

    #[test]
    fn buckets_add_up() {
        let mut histogram = Histogram { sum: 1_500_000, ..Histogram::default() };
        (histogram.buckets[0], histogram.buckets[9], histogram.buckets[15]) = (2, 3, 1);
        let mut out = Out(String::new());
        out.histogram("t", "g", &histogram);
        for line in [
            "t_bucket{group=\"g\",le=\"0.001\"} 2",
            "t_bucket{group=\"g\",le=\"1.0\"} 5",
            "t_bucket{group=\"g\",le=\"60.0\"} 5",
            "t_bucket{group=\"g\",le=\"+Inf\"} 6",
            "t_sum{group=\"g\"} 1.5",
            "t_count{group=\"g\"} 6",
        ] {
            assert!(out.0.lines().any(|other| other == line), "{line}: {}", out.0);
        }
    }
}
