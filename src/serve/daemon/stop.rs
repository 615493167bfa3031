//! The end of an Apache child that does not wait for its requests: those that wait for a process are let go, so that
//! httpd need not kill the child.

use crate::apache::{hook, mpm};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long requests still have. httpd kills the child about 9 s after it was told to end.
const PATIENCE: Duration = Duration::from_secs(5);

static STOPPING: AtomicBool = AtomicBool::new(false);
/// Connections on which a request is.
static IN_USE: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

fn in_use() -> MutexGuard<'static, Vec<RawFd>> {
    os::lock(&IN_USE)
}

/// A request is on a connection, until this is dropped, which is before the connection is closed.
pub struct Using {
    fd: RawFd,
    /// Whether no other request was running when this one began.
    pub is_alone: bool,
}

impl Using {
    /// Registers a request that begins.
    pub fn begin(fd: RawFd) -> Self {
        let mut all = in_use();
        all.push(fd);
        Self { fd, is_alone: all.len() == 1 }
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        let mut all = in_use();
        if let Some(at) = all.iter().position(|fd| *fd == self.fd) {
            all.swap_remove(at);
        }
    }
}

/// The child ends: nobody waits for an idle thread any more.
pub fn is_stopping() -> bool {
    STOPPING.load(Ordering::Relaxed)
}

/// The child-stopping hook.
pub struct Stop;

impl hook::ChildStop for Stop {
    fn run(graceful: bool) {
        // In prefork this runs on the thread that serves the one request, in a signal handler, and the process ends at once.
        if graceful || !mpm::threaded() || STOPPING.swap(true, Ordering::Relaxed) {
            return;
        }
        let let_go = || {
            let until = Instant::now() + PATIENCE;
            while Instant::now() < until {
                if in_use().is_empty() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            in_use().iter().for_each(|fd| os::shut_down(*fd));
        };
        // Without a thread httpd waits for them, and then kills the child.
        let _ = std::thread::Builder::new().name("wsgi-let-go".into()).spawn(let_go);
    }
}
