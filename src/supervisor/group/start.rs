//! Starts of processes, and what becomes of a successor that says it is ready.

use super::{GREW_OLD, Group, SETTLE};
use crate::config::daemon::Reload;
use crate::groups;
use crate::supervisor::{Context, death, launch, settings};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::control::{Message, Reason};
use wire::message as msg;
use wire::scoreboard::WorkerSlot;

impl Group {
    pub(super) fn start(&mut self, context: &Context, index: usize) {
        // Processes of a supervisor that has died are nobody's children: what they held is found here.
        groups::clear_dead(self.live);
        let service = self.live.threads() == 0;
        if service && let Some(current) = self.places[index].current.take() {
            // Two of a service at a time are not wanted: it ends before its successor starts.
            self.retire(current, Reason::Script);
        }
        let others = || self.live.slots.iter().any(|slot| slot.pid.load(Ordering::SeqCst) != 0);
        if service && (!self.leaving.is_empty() || others()) {
            // One whose supervisor has died hears it from here that it is to end.
            self.live.scoreboard.served_by.fetch_max(context.serial, Ordering::SeqCst);
            self.places[index].next = Some(Instant::now() + Duration::from_millis(50));
            return;
        }
        let beside = self.places.iter().any(|place| place.current.is_some())
            || self.live.slots.iter().any(WorkerSlot::is_open);
        let past = settings::Past { beside, died: self.died.clone() };
        let settings = settings::settings(context, self.live, &self.plans, past);
        match launch::launch(context, self.live, &settings) {
            Ok(mut process) => {
                let text = format!("process {} of group '{}' is started", process.pid, self.live.name());
                self.log(context, msg::WORKER_STARTED, &text);
                let count = self.plans.iter().filter(|plan| plan.preload).count() as f64;
                let limit = settings.common.process.startup_timeout * count.max(1.0) + 90.0;
                process.kill_at = Instant::now().checked_add(Duration::from_secs_f64(limit.min(1e9)));
                self.places[index].successor = Some(process);
            }
            Err(why) => {
                let text = format!("no process of group '{}' can be started: {why}", self.live.name());
                self.log(context, msg::FORK_FAILED, &text);
                self.failed(index);
            }
        }
    }

    /// A successor has started its applications, but for so many.
    pub(super) fn is_ready(&mut self, context: &Context, index: usize, failed: u32) {
        let place = &mut self.places[index];
        let Some(mut process) = place.successor.take() else { return };
        process.failed = Some(failed);
        process.kill_at = None;
        // Beside it those of an earlier configuration may serve: they hold, as one of this would.
        groups::clear_dead(self.live);
        let others = self.live.slots.iter().filter(|slot| slot.is_open()).map(WorkerSlot::failed).min();
        let better = match &place.current {
            Some(current) => failed == 0 || Some(failed) < current.failed,
            None => failed == 0 || others.is_none_or(|others| failed <= others),
        };
        if !better {
            let news = self.hold();
            self.failed(index);
            if news {
                self.say_holding(context, index, process.pid);
            }
            self.retire(process, Reason::FailedStart);
            return;
        }
        process.tell(&Message::Serve);
        let took = process.begun.elapsed().as_millis();
        let outdated = self.changed.is_some_and(|changed| process.begun < changed);
        let outdated = outdated && self.live.group.reload == Reload::Imports;
        if outdated {
            // It may have imported what was there before the last change: once more.
            process.replace = Some(Reason::Imports);
        }
        let text = format!("process {} of group '{}' serves, after {took} ms", process.pid, self.live.name());
        let old = place.current.replace(process);
        if failed == 0 {
            place.failures = 0;
            place.next = outdated.then(|| Instant::now() + SETTLE);
        } else {
            // Some of its applications do not start: another process tries again.
            if let Some(current) = &mut place.current {
                current.replace = Some(Reason::FailedStart);
            }
            self.failed(index);
        }
        if failed == 0 {
            self.places.iter_mut().for_each(|place| place.held = false);
        }
        self.log(context, msg::WORKER_STARTED, &text);
        if let Some(old) = old {
            if old.begun.elapsed() >= GREW_OLD {
                self.places[index].deaths = 0;
            }
            let reason = old.replace.unwrap_or(Reason::Generation);
            self.retire(old, reason);
        }
        self.tell_condition(Instant::now());
        if !self.told && self.places.iter().all(|place| place.current.is_some()) {
            self.told = true;
            self.live.scoreboard.served_by.fetch_max(context.serial, Ordering::SeqCst);
            context.send_to_predecessors(&Message::Served(self.live.key));
        }
    }

    /// A start in this place has failed: the next one, here and in the other places that wait for one, comes more slowly.
    pub(super) fn failed(&mut self, index: usize) {
        let failures = self.places[index].failures + 1;
        let next = Some(Instant::now() + death::delay(failures));
        for (at, place) in self.places.iter_mut().enumerate() {
            let waits = place.current.as_ref().is_some_and(|process| process.replace.is_some());
            if at == index || (waits && place.successor.is_none()) {
                (place.failures, place.next) = (failures, next);
            }
        }
    }

    /// Notes that the group keeps the old code. True: that is news.
    pub(super) fn hold(&mut self) -> bool {
        let said = self.places.iter().any(|place| place.held);
        self.places.iter_mut().for_each(|place| place.held = true);
        !said
    }

    pub(super) fn say_holding(&self, context: &Context, index: usize, pid: u32) {
        let next =
            self.places[index].next.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        let text = format!(
            "new process (pid {pid}) of group '{}' failed to start (reason above). The running processes keep serving the \
             old code. Next try in {} s, or when the script changes",
            self.live.name(),
            next.as_secs_f64().ceil()
        );
        self.log(context, msg::HOLDING, &text);
    }
}
