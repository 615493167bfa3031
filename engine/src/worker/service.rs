//! A group with `threads=0`: a service. Its scripts run on the process's main thread, one after another, and the process
//! ends with the last; another one is started then.

use super::control::{FOR_EVER, HURRY};
use super::process::Worker;
use super::system;
use crate::runtime;
use crate::startup;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wire::control::Message;

impl Worker {
    /// Python runs: runs the scripts, and listens to the supervisor meanwhile.
    pub(super) fn become_service(&'static self) {
        static DONE: AtomicBool = AtomicBool::new(false);
        let scripts = std::thread::Builder::new().name("wsgi-start".into()).spawn(|| {
            self.tell(&Message::Ready { failed: 0 });
            self.start_applications();
            DONE.store(true, Ordering::SeqCst);
            self.reception.wake.wake();
        });
        let ruler = std::thread::Builder::new().name("wsgi-control".into()).spawn(|| {
            let shutdown = self.wait_for_the_end(&DONE);
            if !DONE.load(Ordering::SeqCst) {
                runtime::ask_to_stop();
                os::signal_thread(std::process::id() as i32, libc::SIGTERM);
                let until = Instant::now() + shutdown;
                while !DONE.load(Ordering::SeqCst) && Instant::now() < until {
                    os::poll_these([Some(self.reception.wake.as_fd())], Duration::from_millis(20));
                }
            }
            let ended = startup::stop(shutdown.min(self.shutdown()), "");
            self.reception.slot.clear();
            system::end_process(0, ended.quiet)
        });
        if let Err(error) = scripts.and(ruler) {
            self.fail(&format!("no thread can be started: {error}"));
        }
    }

    /// The scripts have ended, or are to end; answers how long that may take.
    fn wait_for_the_end(&'static self, done: &AtomicBool) -> Duration {
        loop {
            let control = (!self.is_orphan()).then(|| self.control.as_fd());
            let fds = [control, Some(self.httpd.as_fd()), Some(self.reception.wake.as_fd()), self.desk()];
            let pause = match fds[3] {
                _ if self.is_orphan() => Duration::from_millis(100),
                // One that cannot be used now may be later.
                None if self.desk.is_some() => Duration::from_secs(1),
                _ => FOR_EVER,
            };
            let [told, httpd_ended, woken, asked] = os::poll_these(fds, pause);
            if asked {
                self.attend();
            }
            if httpd_ended {
                return HURRY;
            }
            if woken && done.load(Ordering::SeqCst) {
                return self.shutdown();
            }
            if told && self.hear().is_some() {
                return self.shutdown();
            }
            let served_by = self.reception.board.group.served_by.load(Ordering::SeqCst);
            if self.is_orphan() && served_by > self.settings.supervisor {
                return self.shutdown();
            }
        }
    }
}
