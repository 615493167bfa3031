//! Shows httpd's scoreboard to the processes of groups with `server-metrics=`, which cannot have it themselves: they execute a
//! python, and httpd's scoreboard has no file. They ask, and look into a window ([`wire::window`]).
//!
//! What it costs does not depend on how often they ask: the scoreboard is read again at the earliest after a pause, in which the
//! supervisor sees to the rest.

use super::events::{Events, Source};
use crate::apache::scoreboard;
use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};
use wire::window::Window;

/// The shortest pause between two readings.
const PAUSE: Duration = Duration::from_millis(100);
/// A pause is so many times as long as the reading before it.
const REST: u32 = 20;

/// The window, and when it may change.
pub struct Show {
    window: os::Mapping<Window>,
    file: OwnedFd,
    next: Cell<Instant>,
}

impl Show {
    /// A window in which there is nothing yet.
    pub fn new() -> io::Result<Self> {
        let (window, file) = os::shown_memory(c"mod_wsgi httpd")?;
        Ok(Self { window, file, next: Cell::new(Instant::now()) })
    }

    /// The window's descriptor, for processes that may look.
    pub fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// A process asks for the scoreboard as it is now: it is shown at once, or when [`Source::Show`] happens.
    pub fn ask(&self, events: &Events) {
        let next = self.next.get();
        if next <= Instant::now() {
            self.show();
        } else {
            events.wake_at(Source::Show, Some(next));
        }
    }

    /// Shows the scoreboard as it is now.
    pub fn show(&self) {
        let (since, begun) = (os::monotonic(), Instant::now());
        let bytes = scoreboard::read().map_or_else(Vec::new, |server| server.bytes());
        self.window.show(since, &bytes);
        self.next.set(Instant::now() + PAUSE.max(begun.elapsed() * REST));
    }
}
