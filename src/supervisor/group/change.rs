//! Reasons to replace processes: what they say of themselves.

use super::{Group, SETTLE};
use crate::supervisor::Context;
use std::time::{Duration, Instant};
use wire::control::Reason;
use wire::message as msg;

impl Group {
    /// A process is to be replaced.
    pub(super) fn replace(&mut self, context: &Context, index: usize, reason: Reason, text: &str) {
        let Some(process) = &mut self.places[index].current else { return };
        let fresh = process.replace != Some(reason);
        let (pid, name) = (process.pid, self.live.name());
        if fresh {
            let text =
                format!("process {pid} of group '{name}' is being replaced ({}): {text}", reason.name());
            self.log(context, msg::REPLACING, &text);
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
                    place.next = Some(now + if reason == Reason::Imports { SETTLE } else { Duration::ZERO });
                }
                Reason::FailedStart => {
                    let soon = now + Duration::from_millis(200);
                    place.next = Some(place.next.map_or(soon, |next| next.min(soon)));
                }
                _ => {}
            }
        }
    }
}
