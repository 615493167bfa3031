//! httpd's scoreboard, which the supervisor shows to groups with `server-metrics=`: a process asks, and looks into the window.

use super::process::Worker;
use crate::host;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wire::control::Message;
use wire::httpd::Server;
use wire::{message as msg, window};

/// How long the supervisor may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first pause between two looks, each of which is twice as long as the one before, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_micros(100), Duration::from_millis(10)];

impl Worker {
    /// The scoreboard as it is now. Waits for the supervisor, but not for long.
    pub(super) fn httpd_scoreboard(&self) -> Option<Server> {
        let (asked, begun, [mut pause, longest]) = (os::monotonic(), Instant::now(), PAUSES);
        if !self.tell(&Message::Show) {
            return None;
        }
        let read = |offset, into: &mut [u8]| self.window.read_exact_at(into, offset).is_ok();
        loop {
            std::thread::sleep(pause);
            if let Some(bytes) = window::look(asked, read) {
                return Server::parse(&bytes).ok();
            }
            if begun.elapsed() > PATIENCE {
                self.say_that_nothing_is_shown();
                return None;
            }
            pause = longest.min(pause * 2);
        }
    }

    fn say_that_nothing_is_shown(&self) {
        static SAID: AtomicBool = AtomicBool::new(false);
        if !SAID.swap(true, Ordering::Relaxed) {
            let text = format!(
                "mod_wsgi.server_metrics() of process group '{}' returns None: the supervisor has not shown httpd's scoreboard \
                 within {} s; this is said once in each process",
                self.name(),
                PATIENCE.as_secs()
            );
            host::message(msg::SCOREBOARD_NOT_SHOWN, text);
        }
    }
}
