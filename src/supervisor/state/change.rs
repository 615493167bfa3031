//! Reasons to replace processes: what they say of themselves.

use super::event::Action;
use super::lines::Line;
use super::{Group, SETTLE};
use std::time::{Duration, Instant};
use wire::control::Reason;

/// After a failed start that a process has noticed, another process tries again within that time.
const AGAIN: Duration = Duration::from_millis(200);

impl Group {
    /// A process asks to be replaced.
    pub(super) fn replace(
        &mut self,
        pid: u32,
        reason: Reason,
        text: String,
        now: Instant,
        into: &mut Vec<Action>,
    ) {
        if self.is_template(pid) {
            return self.replace_template(pid, reason, text, now, into);
        }
        if let Some(index) = self.serving(pid) {
            let current = self.places[index].seat.current();
            if let Some(current) = current.filter(|current| current.replace != Some(reason)) {
                into.push(Action::Log(Line::Replacing { pid: current.worker.pid, reason, text }));
            }
            return self.replace_serving(Some(index), reason, now);
        }
        if let Some(index) = self.starting(pid)
            && let Some(starting) = self.places[index].seat.starting_mut()
            && !reason.concerns_group()
        {
            // A signal that came while it starts.
            starting.obeys = Some(reason);
        }
    }

    /// The process in this place, or every one if the reason concerns the group.
    pub(super) fn replace_serving(&mut self, index: Option<usize>, reason: Reason, now: Instant) {
        if matches!(reason, Reason::Script | Reason::Imports) {
            self.changed = Some(now);
        }
        match reason {
            Reason::Script => self.renew_template(reason, Some(now)),
            Reason::Imports => self.renew_template(reason, Some(now + SETTLE)),
            Reason::FailedStart => self.renew_template(reason, Some(now + AGAIN)),
            _ => {}
        }
        for (at, place) in self.places.iter_mut().enumerate() {
            if Some(at) != index && !reason.concerns_group() {
                continue;
            }
            if let Some(current) = place.seat.current_mut() {
                current.replace = Some(reason);
            }
            match reason {
                // What has changed may be better: it is tried at once.
                Reason::Script | Reason::Imports => {
                    (place.failures, place.held) = (0, false);
                    let settle = if reason == Reason::Imports { SETTLE } else { Duration::ZERO };
                    place.next = Some(now + settle);
                }
                Reason::FailedStart => {
                    let again = now + AGAIN;
                    place.next = Some(place.next.map_or(again, |next| next.min(again)));
                }
                _ => {}
            }
        }
    }

    /// A process that starts or serves says that it cannot serve.
    pub(super) fn gave_up(&mut self, pid: u32, why: String, into: &mut Vec<Action>) {
        if (self.serving(pid).is_some() || self.starting(pid).is_some() || self.is_template(pid))
            && let Some(worker) = self.worker(pid)
        {
            worker.gave_up = true;
            into.push(Action::Log(Line::CannotServe(why)));
        }
    }
}
