//! Reasons to replace processes: what they say of themselves, and files that change.

use super::{Group, SETTLE};
use crate::daemon::supervisor::Context;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wire::control::Reason;
use wire::message as msg;

/// Files of a group that are watched, at most: what processes say takes memory here.
const MOST_FILES: usize = 20_000;

impl Group {
    /// A process is to be replaced.
    pub(super) fn replace(&mut self, context: &Context, index: usize, reason: Reason, text: &str) {
        let Some(process) = &mut self.places[index].current else { return };
        let fresh = process.replace != Some(reason);
        let (pid, name) = (process.pid, self.live.name());
        if fresh {
            let text = format!("process {pid} of group '{name}' is replaced ({}): {text}", reason.name());
            self.say(context, msg::REPLACING, &text);
        }
        let now = Instant::now();
        if matches!(reason, Reason::Script | Reason::Imports) {
            self.changed = Some(now);
        }
        for (at, place) in self.places.iter_mut().enumerate() {
            if at != index && !reason.concerns_group() {
                continue;
            }
            if let Some(process) = &mut place.current {
                process.replace = Some(reason);
            }
            match reason {
                // What has changed may be better: it is tried at once.
                Reason::Script | Reason::Imports => {
                    (place.failures, place.held) = (0, false);
                    place.next = Some(now);
                }
                Reason::FailedStart => {
                    let soon = now + Duration::from_millis(200);
                    place.next = Some(place.next.map_or(soon, |next| next.min(soon)));
                }
                _ => {}
            }
        }
    }

    /// Has files watched of which its applications are made: their names, each ended by a NUL.
    pub(super) fn watch(&mut self, context: &Context, files: &[u8]) {
        for file in files.split(|byte| *byte == 0).filter(|file| file.starts_with(b"/")) {
            if self.files.len() >= MOST_FILES {
                break;
            }
            let file = PathBuf::from(std::ffi::OsStr::from_bytes(file));
            let watched = context.watch.borrow_mut().add(&file);
            if let Err(error) = watched
                && !std::mem::replace(&mut self.unwatched, true)
            {
                let (name, place) = (self.live.name(), file.display());
                let text =
                    format!("the directory of '{place}', for group '{name}', cannot be watched: {error}");
                self.say(context, msg::WATCH_FAILED, &text);
            }
            self.files.insert(file);
        }
    }

    /// A file has changed of which its applications may be made.
    pub fn file_changed(&mut self, context: &Context, file: &Path) {
        // A directory or link that was replaced counts for all files below it, which are watched anew.
        let below: Vec<PathBuf> =
            self.files.iter().filter(|known| known.starts_with(file)).cloned().collect();
        if self.is_leaving || below.is_empty() {
            return;
        }
        for known in &below {
            // If it has gone there is nothing to watch.
            let _ = context.watch.borrow_mut().add(known);
        }
        let first = self.places.iter().position(|place| place.current.is_some());
        if let Some(index) = first {
            self.replace(context, index, Reason::Imports, &format!("'{}' has changed", file.display()));
        }
        for place in &mut self.places {
            place.next = Some(Instant::now() + SETTLE);
        }
    }
}
