//! The wait for an answer that comes at once.
//!
//! A thread that sleeps until its answer is there has to be woken, often by a processor that has to wake another one for
//! that; with a small application this takes longer than the answer itself. So where requests come one by one and are
//! answered within [`SOON`], each looks for its answer for that long before it sleeps. It takes [`STREAK`] such requests to
//! begin with that, and one that is not alone or not answered in time to end it for a while: where there are several at a
//! time the processors have something better to do.

use super::stop::Using;
use super::stream::Stream;
use crate::groups::ProcessGroup;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use wire::scoreboard::WorkerSlot;

/// What counts as at once.
const SOON: Duration = Duration::from_micros(100);

/// Requests, one by one and answered at once, after which the next one looks for its answer.
const STREAK: u32 = 32;

/// What a late answer takes from a streak. A few of them may be: the machine has other things to do as well.
const LATE: u32 = 8;

/// Pauses of the processor between two looks, which are system calls: about a microsecond.
const PAUSES: u32 = 20;

/// How many requests of this process to a group have come one by one lately and were answered at once, less [`LATE`] for
/// each that was not.
#[derive(Default)]
pub struct Eager(AtomicU32);

impl Eager {
    /// Waits for the first frame that answers a request which has just been sent.
    pub fn await_answer(&self, is_alone: bool, stream: &mut Stream) -> io::Result<()> {
        let streak = self.0.load(Ordering::Relaxed);
        if !is_alone {
            self.set(streak, 0);
            return stream.await_more();
        }
        let sent = Instant::now();
        if streak == STREAK && has_processors() {
            while sent.elapsed() < SOON {
                if stream.has_come()? {
                    return Ok(());
                }
                (0..PAUSES).for_each(|_| std::hint::spin_loop());
            }
        }
        stream.await_more()?;
        let is_late = sent.elapsed() >= SOON;
        self.set(streak, if is_late { streak.saturating_sub(LATE) } else { STREAK.min(streak + 1) });
        Ok(())
    }

    fn set(&self, before: u32, after: u32) {
        if before != after {
            self.0.store(after, Ordering::Relaxed);
        }
    }
}

/// This process has no other request in any group, and no other process has one in this. `claimed`: threads of the process
/// that has it.
pub fn is_alone(live: &ProcessGroup, using: &Using, claimed: u32) -> bool {
    let all = || live.slots.iter().map(WorkerSlot::claimed).sum::<u32>();
    using.is_alone && claimed <= 1 && (live.processes() == 1 || all() <= 1)
}

/// The process can run while this one looks.
fn has_processors() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| std::thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn streaks_are_of_requests_one_by_one() {
        let (mut process, child) = UnixStream::pair().unwrap();
        let mut stream = Stream::new(child.into(), Duration::from_secs(10));
        let eager = Eager::default();
        // What is there at once may still be late on a busy machine: then the streak takes longer.
        for _ in 0..100 * STREAK {
            process.write_all(b"x").unwrap();
            eager.await_answer(true, &mut stream).unwrap();
            stream.some(1).unwrap();
            if eager.0.load(Ordering::Relaxed) == STREAK {
                break;
            }
        }
        assert_eq!(eager.0.load(Ordering::Relaxed), STREAK);
        process.write_all(b"x").unwrap();
        eager.await_answer(false, &mut stream).unwrap();
        assert_eq!(eager.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_late_answer_is_waited_for() {
        let (mut process, child) = UnixStream::pair().unwrap();
        let mut stream = Stream::new(child.into(), Duration::from_secs(10));
        let eager = Eager(AtomicU32::new(STREAK));
        let answers = std::thread::spawn(move || {
            std::thread::sleep(20 * SOON);
            process.write_all(b"x").unwrap();
            process
        });
        eager.await_answer(true, &mut stream).unwrap();
        assert_eq!(stream.some(1).unwrap(), b"x");
        assert_eq!(eager.0.load(Ordering::Relaxed), STREAK - LATE);
        drop(answers.join());
        eager.await_answer(true, &mut stream).unwrap();
        assert!(stream.header().unwrap().is_none(), "the other side has gone");
    }
}
