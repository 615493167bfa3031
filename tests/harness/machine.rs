//! How much time the machine did not give. The host of a virtual machine takes its processors away at times, for
//! tenths of a second or for seconds in a row, and tests that run side by side take them from one another; a time limit
//! in a test is about the product, so what the machine did not give does not count.

use std::fs;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How often the meter looks.
const TICK: Duration = Duration::from_millis(10);

/// A thread that wakes no later than this after its time has lost nothing.
const PUNCTUAL: Duration = Duration::from_millis(5);

/// Periods that ended then, and what was lost in each.
static LOST: Mutex<Vec<(Instant, Duration)>> = Mutex::new(Vec::new());

/// Starts the meter, once in a process.
pub(crate) fn watch() {
    static WATCHING: OnceLock<()> = OnceLock::new();
    WATCHING.get_or_init(|| {
        std::thread::Builder::new().name("machine".into()).spawn(measure).expect("a thread");
    });
}

fn measure() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from) as u32;
    let mut stolen = Load::now().stolen;
    loop {
        let begun = Instant::now();
        std::thread::sleep(TICK);
        let took = begun.elapsed();
        let late = took.saturating_sub(TICK);
        let (before, now) = (stolen, Load::now());
        stolen = now.stolen;
        let late = if late > PUNCTUAL { late } else { Duration::ZERO };
        let lost = late.max(stolen.saturating_sub(before)).max(not_given(took, processors, now.running));
        if !lost.is_zero() {
            LOST.lock().unwrap().push((Instant::now(), lost));
        }
    }
}

/// What one process misses of a period in which more of them want to run than there are processors.
fn not_given(period: Duration, processors: u32, running: u32) -> Duration {
    if running <= processors { Duration::ZERO } else { period - period * processors / running }
}

/// How busy the machine is (proc_stat(5)).
#[derive(Default)]
struct Load {
    /// What the host gave to others so far although a processor of this machine had work.
    stolen: Duration,
    /// Processes that run or could, without this one.
    running: u32,
}

impl Load {
    fn now() -> Self {
        let mut load = Self::default();
        for line in fs::read_to_string("/proc/stat").unwrap_or_default().lines() {
            let mut fields = line.split_ascii_whitespace();
            match fields.next() {
                // In 1/100 s.
                Some("cpu") => {
                    let ticks = fields.nth(7).and_then(|field| field.parse().ok());
                    load.stolen = Duration::from_millis(10 * ticks.unwrap_or(0u64));
                }
                Some("procs_running") => {
                    let running: u32 = fields.next().and_then(|field| field.parse().ok()).unwrap_or(0);
                    load.running = running.saturating_sub(1);
                }
                _ => {}
            }
        }
        load
    }
}

/// What was lost since then, no more than the whole time.
pub fn lost_since(begun: Instant) -> Duration {
    watch();
    let lost: Duration =
        LOST.lock().unwrap().iter().rev().take_while(|(end, _)| *end > begun).map(|l| l.1).sum();
    lost.min(begun.elapsed())
}

/// The time that passed since then, without what was lost.
pub fn given_since(begun: Instant) -> Duration {
    begun.elapsed().saturating_sub(lost_since(begun))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::until;

    #[test]
    fn what_others_take() {
        let missed = |running| not_given(Duration::from_millis(12), 2, running).as_millis();
        assert_eq!([0, 1, 2, 3, 4, 12].map(missed), [0, 0, 0, 4, 6, 10]);
    }

    #[test]
    fn what_was_lost_does_not_count() {
        let begun = Instant::now();
        until("a moment", || (begun.elapsed() > Duration::from_millis(50)).then_some(()));
        LOST.lock().unwrap().push((Instant::now(), Duration::from_millis(30)));
        assert!(lost_since(begun) >= Duration::from_millis(30));
        assert!(given_since(begun) < begun.elapsed() - Duration::from_millis(29));
        LOST.lock().unwrap().push((Instant::now(), Duration::from_secs(3600)));
        assert_eq!(given_since(begun), Duration::ZERO);
        assert_eq!(lost_since(Instant::now() + Duration::from_secs(1)), Duration::ZERO);
    }
}
