//! What this process and its threads use of the machine.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, gettid, sysconf};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Time on the processor, and the most memory so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Microseconds of the program itself.
    pub user: i64,
    /// Microseconds of the system on its behalf.
    pub system: i64,
    /// The most memory that the process has had, bytes.
    pub most_memory: u64,
}

impl Usage {
    /// Of this process.
    pub fn of_process() -> Self {
        Self::of(UsageWho::RUSAGE_SELF)
    }

    /// Of the calling thread; the memory is that of the process.
    pub fn of_thread() -> Self {
        Self::of(UsageWho::RUSAGE_THREAD)
    }

    fn of(who: UsageWho) -> Self {
        let micros = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
        getrusage(who).map_or_else(
            |_| Self::default(),
            |usage| Self {
                user: micros(usage.user_time()),
                system: micros(usage.system_time()),
                most_memory: u64::try_from(usage.max_rss()).unwrap_or(0) << 10,
            },
        )
    }

    /// What was used since an earlier moment, microseconds of user and of system.
    pub fn since(self, before: Self) -> (i64, i64) {
        ((self.user - before.user).max(0), (self.system - before.system).max(0))
    }
}

/// What one thread uses, for others who look.
pub struct Meter {
    clock: ClockId,
    stat: Option<File>,
}

impl Meter {
    /// Of the calling thread.
    pub fn of_thread() -> Self {
        let mut clock = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: the calling thread lives; room for one number, which stays where there is an error.
        unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock) };
        let stat = File::open(format!("/proc/self/task/{}/stat", gettid())).ok();
        Self { clock: ClockId::from_raw(clock), stat }
    }

    /// Microseconds that it has had a processor; 0 once it has ended.
    pub fn computed(&self) -> i64 {
        clock_gettime(self.clock).map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000)
    }

    /// It has a processor, or waits for one.
    pub fn is_runnable(&self) -> bool {
        let mut bytes = [0; 128];
        let count = self.stat.as_ref().and_then(|stat| stat.read_at(&mut bytes, 0).ok()).unwrap_or(0);
        // The name before the state may have spaces and brackets in it.
        let behind = bytes[..count].iter().rposition(|byte| *byte == b')');
        behind.and_then(|at| bytes.get(at + 2)) == Some(&b'R')
    }
}

/// Bytes of memory that this process has now.
pub fn resident_memory() -> u64 {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| u64::try_from(size).ok());
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * page.unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_measured_by_another() {
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            while Usage::of_thread().user < 5000 {}
            let _ = tell.send(Meter::of_thread());
            let _ = stopped.recv();
        });
        let meter = told.recv().unwrap();
        while meter.is_runnable() {
            std::thread::yield_now();
        }
        let computed = meter.computed();
        assert!(computed >= 4000);
        assert_eq!(meter.computed(), computed, "it sleeps");
        assert!(Meter::of_thread().is_runnable());
        drop(stop);
        thread.join().unwrap();
    }

    #[test]
    fn a_process_has_memory_and_uses_time() {
        let begun = Usage::of_thread();
        while Usage::of_thread().since(begun) == (0, 0) {}
        let process = Usage::of_process();
        assert!(process.user + process.system > 0);
        assert!(process.most_memory > 1 << 20 && resident_memory() > 1 << 20);
    }
}
