//! `Server-Timing`: what the client is told of how long its request took (WSGIServerTiming).

use crate::apache::Request;
use crate::config::RequestExt;
use std::fmt::Write;

/// When things happened that the client is told of, microseconds of the monotonic clock.
#[derive(Clone, Copy, Default)]
pub struct Timing {
    is_wanted: bool,
    waits: Option<i64>,
    begun: Option<i64>,
}

impl Timing {
    /// Nothing has happened.
    pub fn of(r: Request<'_>) -> Self {
        Self { is_wanted: r.dir_config().server_timing == Some(true), ..Self::default() }
    }

    /// The client is told.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// The application had the request then, and the request had waited for a thread of a process since then.
    pub fn begin(&mut self, waits: Option<i64>, begun: i64) {
        (self.waits, self.begun) = (waits, Some(begun));
    }

    /// The answer begins: its head tells, once.
    pub fn tell(&mut self, r: Request<'_>) {
        if !std::mem::take(&mut self.is_wanted) {
            return;
        }
        let Some(begun) = self.begun else { return };
        let text = header(self.waits.map(|waits| begun - waits), os::monotonic() - begun);
        r.err_headers_out().add(c"Server-Timing", r.pool().c_string(text.as_bytes()));
    }
}

/// The header's value; times are microseconds.
fn header(queue: Option<i64>, application: i64) -> String {
    let mut text = String::with_capacity(48);
    for (name, time) in [("queue", queue), ("app", Some(application))] {
        if let Some(time) = time {
            let comma = if text.is_empty() { "" } else { ", " };
            let time = time.max(0);
            let _ = write!(text, "{comma}{name};dur={}.{:03}", time / 1000, time % 1000);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn times_are_milliseconds() {
        assert_eq!(header(Some(1_234), 56_007), "queue;dur=1.234, app;dur=56.007");
        assert_eq!(header(None, 7), "app;dur=0.007");
        assert_eq!(header(Some(-5), -1), "queue;dur=0.000, app;dur=0.000");
    }
}
