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
    wchan: Option<File>,
    thread: u32,
}

impl Meter {
    /// Of the calling thread.
    pub fn of_thread() -> Self {
        let mut clock = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: the calling thread lives; room for one number, which stays where there is an error.
        unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock) };
        let thread = gettid().as_raw() as u32;
        let file = |name| File::open(format!("/proc/self/task/{thread}/{name}")).ok();
        Self { clock: ClockId::from_raw(clock), stat: file("stat"), wchan: file("wchan"), thread }
    }

    /// Its number in the system.
    pub fn thread(&self) -> u32 {
        self.thread
    }

    /// Microseconds that it has had a processor; 0 once it has ended.
    pub fn computed(&self) -> i64 {
        micros(self.clock)
    }

    /// It waits in the system for something other than a lock: for a clock, a socket, a disk. What it waits for is the name of
    /// a function of the kernel, which has `futex` in it where it is a lock; where the system does not tell, no thread does.
    pub fn sleeps(&self) -> bool {
        let mut bytes = [0; 64];
        let count = self.wchan.as_ref().and_then(|wchan| wchan.read_at(&mut bytes, 0).ok()).unwrap_or(0);
        let name = bytes[..count].trim_ascii_end();
        !matches!(name, b"" | b"0") && !name.windows(5).any(|part| part == b"futex")
    }

    /// It has a processor, or waits for one.
    pub fn is_runnable(&self) -> bool {
        let mut bytes = [0; 128];
        let count = self.stat.as_ref().and_then(|stat| stat.read_at(&mut bytes, 0).ok()).unwrap_or(0);
        behind_name(&bytes[..count]).and_then(|fields| fields.get(1)) == Some(&b'R')
    }
}

/// What can be seen of a process of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It lives, and this is what it looks like.
    Seen(Portrait),
    /// It lives, and the system says no more (hidepid= of /proc).
    Hidden,
    /// There is none, or it has ended.
    Gone,
}

/// What the system says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portrait {
    /// Pid of its parent.
    pub parent: u32,
    /// Microseconds that its threads have had a processor.
    pub computed: u64,
    /// When it began, microseconds of the monotonic clock, to the hundredth of a second.
    pub begun: i64,
    /// Bytes of memory that it has.
    pub memory: u64,
}

impl Sight {
    /// Of the process of this pid.
    pub fn of(pid: u32) -> Self {
        match std::fs::read(format!("/proc/{pid}/stat")) {
            Ok(stat) => Portrait::read(&stat).map_or(Self::Gone, Self::Seen),
            Err(_) if crate::is_alive(pid) => Self::Hidden,
            Err(_) => Self::Gone,
        }
    }

    /// What it looks like, if that can be seen.
    pub fn portrait(self) -> Option<Portrait> {
        if let Self::Seen(portrait) = self { Some(portrait) } else { None }
    }

    /// It is not the process that had this pid at that moment, microseconds of the monotonic clock.
    pub fn is_other_than(self, since: i64) -> bool {
        /// The system counts in hundredths of a second, and pids are not used again so soon.
        const SOON: i64 = 1_000_000;
        match self {
            Self::Seen(portrait) => portrait.begun > since.saturating_add(SOON),
            Self::Hidden => false,
            Self::Gone => true,
        }
    }
}

impl Portrait {
    /// `None`: it has ended.
    fn read(stat: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(behind_name(stat)?).into_owned();
        let fields: Vec<&str> = text.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let span = |ticks: u64| ticks.saturating_mul(1_000_000) / unit(SysconfVar::CLK_TCK, 100).max(1);
        // The system counts from its start, and the time for which it slept.
        let slept = micros(ClockId::CLOCK_BOOTTIME) - micros(ClockId::CLOCK_MONOTONIC);
        let portrait = Self {
            parent: u32::try_from(number(1)?).ok()?,
            computed: span(number(11)?.checked_add(number(12)?)?),
            begun: i64::try_from(span(number(19)?)).ok()?.saturating_sub(slept),
            memory: number(21)?.saturating_mul(unit(SysconfVar::PAGE_SIZE, 4096)),
        };
        (!matches!(*fields.first()?, "Z" | "X")).then_some(portrait)
    }
}

fn micros(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000)
}

/// Bytes of memory that this process has now.
pub fn resident_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * unit(SysconfVar::PAGE_SIZE, 4096)
}

/// A unit of the system, or what is usual.
pub(crate) fn unit(name: SysconfVar, usual: u64) -> u64 {
    sysconf(name).ok().flatten().and_then(|unit| u64::try_from(unit).ok()).unwrap_or(usual)
}

/// The fields of a `stat` file of /proc behind the name, which may have spaces and brackets in it; they begin with a space.
pub(crate) fn behind_name(stat: &[u8]) -> Option<&[u8]> {
    stat.get(stat.iter().rposition(|byte| *byte == b')')? + 1..)
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

    /// A thread that waits so, and its meter.
    fn waiting(wait: fn()) -> Meter {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = tell.send(Meter::of_thread());
            wait();
        });
        told.recv().unwrap()
    }

    /// On its way there a thread may wait for memory as well.
    #[test]
    fn who_waits_for_a_lock_does_not_sleep() {
        use std::time::{Duration, Instant};
        let until = Instant::now() + Duration::from_secs(20);
        let asleep = waiting(|| std::thread::sleep(Duration::from_secs(60)));
        let locked = waiting(|| std::thread::park_timeout(Duration::from_secs(60)));
        let settled = |looks_so: &dyn Fn() -> bool| {
            while !(0..50).all(|_| looks_so()) {
                assert!(Instant::now() < until, "it never does");
                std::thread::yield_now();
            }
        };
        settled(&|| asleep.sleeps());
        settled(&|| !locked.is_runnable() && !locked.sleeps());
        assert!(!Meter::of_thread().sleeps());
    }

    #[test]
    fn the_system_says_what_a_process_is() {
        let now = micros(ClockId::CLOCK_MONOTONIC);
        let sight = Sight::of(std::process::id());
        let portrait = sight.portrait().unwrap();
        assert_eq!(portrait.parent, crate::parent());
        assert!(portrait.memory > 1 << 20 && portrait.begun <= now);
        assert!(!sight.is_other_than(now));
        assert!(sight.is_other_than(portrait.begun - 2_000_000), "one that was there before it");
        assert_eq!(Sight::of(u32::MAX), Sight::Gone);
        assert!(Sight::Gone.is_other_than(now) && !Sight::Hidden.is_other_than(0));
    }

    #[test]
    fn one_that_has_ended_is_gone_before_its_parent_has_looked() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        while Sight::of(child.id()) != Sight::Gone {
            std::thread::yield_now();
        }
        assert!(crate::is_alive(child.id()), "its number is not free");
        child.wait().unwrap();
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
