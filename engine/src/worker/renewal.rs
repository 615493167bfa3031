//! Code that has changed, and applications that do not start: both are a matter for another process, which takes the
//! place of this one when it is ready.

use super::process::Worker;
use crate::host::{Renewal, Renewed};
use os::lock;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use wire::Stamp;
use wire::control::Reason;

/// What is known of changes.
#[derive(Default)]
pub struct Changes {
    inner: Mutex<Inner>,
    moved: Condvar,
}

#[derive(Default)]
struct Inner {
    /// This process is to end when it has served what it has.
    draining: bool,
    /// Scripts that were found changed: what was seen of them, and when that was.
    noticed: HashMap<Vec<u8>, (Stamp, Instant)>,
}

impl Changes {
    /// The successor serves: whoever waits for it goes there.
    pub fn drain(&self) {
        lock(&self.inner).draining = true;
        self.moved.notify_all();
    }

    /// Waits until this process has been replaced. False: that lasts too long, or `give_up` says so.
    fn wait(&self, until: Instant, give_up: &dyn Fn() -> bool) -> bool {
        let mut inner = lock(&self.inner);
        while !inner.draining {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() || give_up() {
                return false;
            }
            let pause = rest.min(Duration::from_millis(20));
            inner = os::wait_for(&self.moved, inner, pause);
        }
        true
    }
}

impl Renewal for Worker {
    /// The first request that notices has the successor started; those that come within `reload-wait` wait for it.
    fn changed(&self, script: &[u8], stamp: Stamp) -> Renewed {
        let now = Instant::now();
        let (since, fresh) = {
            let mut inner = lock(&self.changes.inner);
            match inner.noticed.get(script) {
                Some((seen, since)) if *seen == stamp => (*since, false),
                _ => {
                    inner.noticed.insert(script.to_vec(), (stamp, now));
                    (now, true)
                }
            }
        };
        if fresh {
            let text = format!("'{}' has changed", wire::shown(script));
            self.ask_for_successor(Reason::Script, &text);
        }
        let until = since + Duration::try_from_secs_f64(self.settings.reload_wait).unwrap_or_default();
        if self.changes.wait(until, &|| self.is_orphan()) { Renewed::Elsewhere } else { Renewed::Here }
    }

    fn failed(&self, script: &[u8], until: Instant, give_up: &dyn Fn() -> bool) -> Renewed {
        let text = format!("'{}' is tried again in a new process", wire::shown(script));
        self.ask_for_successor(Reason::FailedStart, &text);
        let give_up = || give_up() || self.is_orphan();
        if self.changes.wait(until, &give_up) { Renewed::Elsewhere } else { Renewed::Here }
    }

    fn import_deadlock(&self, text: &str) {
        self.ask_for_successor(Reason::ImportDeadlock, text);
    }
}
