//! How much time the machine did not give. The host of a virtual machine takes its processors away at times, for
//! tenths of a second or for seconds in a row; a time limit in a test is about the product, so what the machine did not
//! give does not count.

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
    let mut stolen = steal();
    loop {
        let begun = Instant::now();
        std::thread::sleep(TICK);
        let late = begun.elapsed().saturating_sub(TICK);
        let (before, now) = (stolen, steal());
        stolen = now;
        let lost = if late > PUNCTUAL { late } else { Duration::ZERO }.max(now.saturating_sub(before));
        if !lost.is_zero() {
            LOST.lock().unwrap().push((Instant::now(), lost));
        }
    }
}

/// What the host gave to others so far although a processor of this machine had work (proc_stat(5), in 1/100 s).
fn steal() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = stat.split_whitespace().nth(8).and_then(|field| field.parse().ok());
    Duration::from_millis(10 * ticks.unwrap_or(0u64))
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
