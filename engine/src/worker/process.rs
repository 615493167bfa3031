//! What a worker is made of, for all files of this folder.
#![forbid(unsafe_code)]

use super::imports::Imports;
use super::memory::Memory;
use super::places::Meters;
use super::reception::Reception;
use super::renewal::Changes;
use super::voice::Voice;
use crate::runtime;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use wire::control::Reason;
use wire::plan::StartPlan;
use wire::worker as told;

/// The state of this worker process.
pub struct Worker {
    /// What processes of either mode are told.
    pub(super) common: wire::settings::Settings,
    /// What it alone is told.
    pub(super) settings: told::Worker,
    /// Applications that start with the process, or that requests may ask for.
    pub(super) plans: Vec<told::Plan>,
    pub(super) control: OwnedFd,
    pub(super) voice: Voice,
    pub(super) httpd: OwnedFd,
    /// What the supervisor shows of httpd.
    pub(super) window: File,
    pub(super) signals: os::Event,
    pub(super) desk: Option<os::Desk>,
    /// Where requests come in, and the scoreboard, which has what its threads do and have done.
    pub(super) reception: Reception,
    pub(super) meters: Meters,
    pub(super) changes: Changes,
    pub(super) imports: Imports,
    /// How much memory it has.
    pub(super) memory: Memory,
    pub(super) serving: AtomicBool,
    pub(super) orphan: AtomicBool,
    /// It was said that the process has served enough.
    pub(super) worn_out: AtomicBool,
    /// Applications that failed to start.
    pub(super) failed: AtomicU32,
    /// When something happened last, microseconds; 0: nothing has.
    pub(super) activity: AtomicI64,
    /// Requests that had ended when it was looked last what has been imported.
    pub(super) watched: AtomicU64,
}

impl Worker {
    /// Name of the group, for messages.
    pub(super) fn name(&self) -> &str {
        &self.reception.name
    }

    /// How many threads serve requests; 0: a service.
    pub(super) fn threads(&self) -> u32 {
        self.common.process.threads.unsigned_abs()
    }

    /// How many requests are let into Python at the same time.
    pub(super) fn concurrency(&self) -> u32 {
        match self.common.process.concurrency {
            0 => 1,
            number => number.min(self.threads()),
        }
    }

    /// It finds out itself how many.
    pub(super) fn is_admitting(&self) -> bool {
        self.common.process.concurrency == 0 && self.threads() > 1
    }

    /// How an application starts that is met for the first time.
    pub(super) fn plan(&self, key: u64) -> StartPlan {
        let known = self.plans.iter().find(|plan| key != 0 && plan.key == key);
        known.map(|plan| plan.start.clone()).unwrap_or_default()
    }

    pub(super) fn note_activity(&self) {
        if self.settings.inactivity_timeout > 0.0 {
            self.activity.store(runtime::clock(), Ordering::SeqCst);
        }
    }

    /// A request has ended: after so many the process is replaced.
    pub(super) fn note_request(&self) {
        let maximum = self.settings.maximum_requests;
        if maximum > 0
            && self.rules().is_worn_out(self.counters().requests)
            && !self.worn_out.swap(true, Ordering::SeqCst)
        {
            let text = format!("it has served {maximum} requests (maximum-requests)");
            self.ask_for_successor(Reason::Requests, &text);
        }
    }
}
