//! Processors: on which of them a thread may run, and how long each has been idle.

use crate::monotonic;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::fs;

/// A set of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processors(CpuSet);

impl Processors {
    /// Those on which a thread may run; 0: the calling thread. `None`: there is no such thread, or there are more than 1024.
    pub fn of(thread: u32) -> Option<Self> {
        sched_getaffinity(pid(thread)).ok().map(Self)
    }

    /// One alone.
    pub fn only(number: usize) -> Option<Self> {
        let mut set = CpuSet::new();
        set.set(number).ok()?;
        Some(Self(set))
    }

    /// Their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = usize> {
        (0..CpuSet::count()).filter(|number| self.0.is_set(*number).unwrap_or(false))
    }

    /// The only one, if it is one.
    pub fn single(&self) -> Option<usize> {
        let mut numbers = self.numbers();
        numbers.next().filter(|_| numbers.next().is_none())
    }

    /// The thread runs on these from now on; 0: the calling thread. Threads and processes that it starts do, too.
    pub fn keep(&self, thread: u32) -> bool {
        sched_setaffinity(pid(thread), &self.0).is_ok()
    }
}

fn pid(thread: u32) -> Pid {
    Pid::from_raw(thread as i32)
}

/// How many processors of the machine have had nothing to do.
#[derive(Debug, Default)]
pub struct Idle {
    /// Microseconds: when it was looked at last, and how long each processor had been idle until then.
    last: Option<(i64, Vec<i64>)>,
}

impl Idle {
    /// The system counts in 1/100 s, so that less than this shows nothing.
    const LEAST: i64 = 100_000;

    /// How large a part of the time since the last answer, which was a tenth of a second ago at least, each was idle, by its number;
    /// `None`: it is too early, or the system does not tell.
    pub fn each(&mut self) -> Option<Vec<f64>> {
        let now = monotonic();
        if self.last.as_ref().is_some_and(|(then, _)| now - then < Self::LEAST) {
            return None;
        }
        let idle = idle_times()?;
        let (then, had) = self.last.replace((now, idle.clone()))?;
        let part = |(now_idle, had): (&i64, &i64)| (now_idle - had).max(0) as f64 / (now - then) as f64;
        Some(idle.iter().zip(&had).map(part).collect())
    }

    /// So many on average since the last answer, of those on which the calling thread may run.
    pub fn look(&mut self) -> Option<f64> {
        let (parts, own) = (self.each()?, Processors::of(0)?);
        Some(own.numbers().filter_map(|number| parts.get(number)).sum())
    }
}

/// Microseconds for which each processor has been idle, those included in which only a disk was waited for, by its number:
/// proc(5). One that is switched off has not been idle.
fn idle_times() -> Option<Vec<i64>> {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    let mut times = Vec::new();
    for line in fs::read_to_string("/proc/stat").ok()?.lines() {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next().unwrap_or_default();
        let Some(number) = name.strip_prefix("cpu").and_then(|number| number.parse::<usize>().ok()) else {
            continue;
        };
        let ticks: i64 = fields.skip(3).take(2).filter_map(|field| field.parse::<i64>().ok()).sum();
        if number < CpuSet::count() {
            times.resize(times.len().max(number + 1), 0);
            times[number] = ticks.checked_mul(1_000_000)? / per_second;
        }
    }
    (!times.is_empty()).then_some(times)
}

/// The processes that a thread of a process has started and that live. `None`: the system does not tell.
pub fn children_of(process: u32, thread: u32) -> Option<Vec<u32>> {
    let text = fs::read_to_string(format!("/proc/{process}/task/{thread}/children")).ok()?;
    Some(text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// The threads of a process; none if there is no such process.
pub fn threads_of(process: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_kept_on_one() {
        std::thread::spawn(|| {
            let all = Processors::of(0).unwrap();
            let last = all.numbers().last().unwrap();
            let one = Processors::only(last).unwrap();
            assert!(one.keep(0));
            assert_eq!(Processors::of(0), Some(one));
            assert_eq!((one.single(), all.single().is_some()), (Some(last), all == one));
            assert_eq!(one.numbers().collect::<Vec<_>>(), [last]);
            let inherits = std::thread::spawn(|| Processors::of(0)).join().unwrap();
            assert_eq!(inherits, Some(one));
            assert!(all.keep(0));
            assert_eq!(Processors::of(0), Some(all));
        })
        .join()
        .unwrap();
        assert!(Processors::only(1 << 20).is_none());
    }

    #[test]
    fn children_are_seen() {
        let own = nix::unistd::gettid().as_raw() as u32;
        assert_eq!(children_of(std::process::id(), own), Some(vec![]));
        let mut child = std::process::Command::new("sleep").arg("20").spawn().unwrap();
        assert_eq!(children_of(std::process::id(), own), Some(vec![child.id()]));
        assert_eq!(threads_of(child.id()), [child.id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(children_of(std::process::id(), own), Some(vec![]));
        assert!(threads_of(child.id()).is_empty());
    }

    #[test]
    fn who_computes_is_not_idle() {
        let mut idle = Idle::default();
        assert!(idle.each().is_none(), "nothing is known yet");
        let begun = std::time::Instant::now();
        while begun.elapsed().as_millis() < 250 {}
        let parts = idle.each().unwrap();
        assert!(parts.iter().all(|part| (0.0..=1.2).contains(part)), "{parts:?}");
        assert!(parts.iter().sum::<f64>() < parts.len() as f64 - 0.5, "{parts:?}");
        assert!(idle.look().is_none(), "it is too early");
    }
}
