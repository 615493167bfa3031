//! What the scoreboard says of a group's load.
//!
//! Any process of the group, and any of Apache's children, may have written it. The worst that comes of a false value is that the
//! group has as many processes as its range allows, or as few.

use super::Group;
use crate::groups::ProcessGroup;
use crate::supervisor::context::Context;
use crate::supervisor::events::Source;
use crate::supervisor::state::Load;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::scoreboard::Counters;

impl Group {
    /// Tells once when a request waits in the queue.
    pub(super) fn listen(&mut self, context: &Context) -> std::io::Result<()> {
        if let Some(bell) = &self.bell {
            return bell.once_more();
        }
        let socket = os::duplicate(self.live.listener)?;
        self.bell = Some(context.events.watch_once(socket, Source::Queue(self.live.number))?);
        Ok(())
    }

    /// What there is to do, and what its own processes do of it.
    pub(super) fn load(&self) -> Load {
        let mut load = Load { waits: longest_wait(self.live, os::monotonic()), ..Load::default() };
        let mut counters = Counters::default();
        for (index, slot) in self.live.slots.iter().enumerate().filter(|(_, slot)| slot.is_open()) {
            let pid = slot.pid.load(Ordering::SeqCst);
            if self.processes.values().any(|process| process.pid == pid) {
                load.claims.push((pid, slot.claimed().min(self.live.threads())));
                let threads = self.live.threads() as usize;
                let records = self.live.board.records(index).iter().take(threads);
                records.for_each(|record| counters += record.counters());
            }
        }
        load.served = counters.requests;
        load
    }
}

/// For how long requests of an Apache child have waited without a break, at most. A child that has died may have left its place as
/// it was. `now`: microseconds of the monotonic clock.
fn longest_wait(live: &ProcessGroup, now: i64) -> Option<Duration> {
    let waiting = live.board.children.iter().filter_map(|child| child.waiting());
    let plausible = waiting.filter(|(pid, _, since)| (1..=now).contains(since) && os::is_alive(*pid));
    plausible.map(|(_, _, since)| Duration::from_micros(now.abs_diff(since))).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::daemon::GroupOptions;

    #[test]
    fn the_longest_wait_is_that_of_a_child_that_lives() {
        let live = ProcessGroup::of_test(std::path::Path::new("/none"), GroupOptions::default());
        let [first, second, dead] = [0, 1, 2].map(|at| &live.board.children[at]);
        let pid = std::process::id();
        assert_eq!(longest_wait(live, 900), None);
        assert!(first.take(pid, |_| false) && second.take(pid, |_| false) && dead.take(u32::MAX, |_| false));
        dead.begin(100);
        assert_eq!(longest_wait(live, 900), None, "nobody has that pid");
        first.begin(700);
        assert_eq!(longest_wait(live, 900), Some(Duration::from_micros(200)));
        second.begin(400);
        second.begin(800);
        assert_eq!(longest_wait(live, 900), Some(Duration::from_micros(500)));
        assert_eq!(longest_wait(live, 450), Some(Duration::from_micros(50)), "what is to come is no time");
        second.end();
        second.end();
        first.end();
        assert_eq!(longest_wait(live, 900), None);
        first.begin(-5);
        assert_eq!(longest_wait(live, 900), None);
    }
}
