//! Who of those inside sleeps, who computes for long, and how long a request usually computes.
#![forbid(unsafe_code)]

/// The clock of a thread that has stood still for so long sleeps, if nobody else computes.
const STILL: i64 = 1_900;
/// The same while others compute: who waits for the GIL wakes up each 5 ms to ask for it.
const ASLEEP: i64 = 7_000;
/// A request that computes for longer than this, and than others do, is long; and longer than that in any case.
const LONG: (i64, i64) = (5_000, 250_000);
/// So many times as long as usual is long.
const TIMES: i64 = 4;
/// What is taken for usual at first.
const USUAL: i64 = 5_000;

/// A thread, as it is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Requests that it has ended so far.
    pub ended: u64,
    /// How long it has computed so far.
    pub computed: i64,
    /// When it got the request that it has: no other request of the thread has the same.
    pub taken: Option<i64>,
    /// It computes now, or would if a processor were free. Need not be known of one that has computed since the last look, if
    /// it is known of another one.
    pub runnable: bool,
    /// It waits for something other than a lock. Where the system does not tell, this is false, and is guessed from the clock.
    pub sleeps: bool,
}

/// What was seen of a thread.
#[derive(Clone, Copy, Debug)]
struct Known {
    last: Thread,
    /// What it had computed when it got its request, at least.
    before: i64,
    /// What it had computed when it was first seen with it.
    first: i64,
    /// When it has computed last.
    moved: i64,
}

/// The threads at the last look.
#[derive(Debug)]
pub struct Company {
    known: Vec<Known>,
    usual: i64,
}

/// What those with a request do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// There are so many.
    pub inside: u32,
    /// One of them computes at this moment, or would.
    pub busy: bool,
    /// They may sleep, or wait for the GIL.
    pub still: u32,
    /// They sleep.
    pub asleep: u32,
    /// They have computed for long, and still do.
    pub long: u32,
    /// So they have since they were first seen: looks that are far apart take some of the request before for theirs.
    pub surely_long: u32,
}

impl Default for Company {
    fn default() -> Self {
        Self { known: Vec::new(), usual: USUAL }
    }
}

impl Company {
    /// A request that has computed for longer is long.
    pub fn patience(&self) -> i64 {
        (TIMES * self.usual).clamp(LONG.0, LONG.1)
    }

    /// Looks at all threads.
    pub fn look(&mut self, now: i64, threads: &[Thread]) -> Seen {
        for (index, thread) in threads.iter().enumerate() {
            match self.known.get(index).map(|known| known.last) {
                Some(last) => {
                    let since = if last.taken.is_some() { self.known[index].before } else { last.computed };
                    self.note_usual(thread.ended.saturating_sub(last.ended), thread.computed - since);
                    self.known[index].look(now, thread);
                }
                None => {
                    let computed = thread.computed;
                    self.known.push(Known { last: *thread, before: computed, first: computed, moved: now });
                }
            }
        }
        let patience = self.patience();
        let inside: Vec<&Known> = self.known.iter().filter(|known| known.last.taken.is_some()).collect();
        let count = |is: &dyn Fn(&Known) -> bool| inside.iter().filter(|known| is(known)).count() as u32;
        let still = count(&|known| known.last.sleeps || now - known.moved >= STILL);
        let long =
            |known: &Known, since: i64| known.last.computed - since >= patience && now - known.moved < ASLEEP;
        let all = still as usize == inside.len();
        Seen {
            inside: count(&|_| true),
            busy: inside.iter().any(|known| known.last.runnable),
            still,
            asleep: if all {
                still
            } else {
                count(&|known| known.last.sleeps || now - known.moved >= ASLEEP)
            },
            long: count(&|known| long(known, known.before)),
            surely_long: count(&|known| long(known, known.first)),
        }
    }

    /// Goes towards what half of the requests stay below: few that are long do not count.
    fn note_usual(&mut self, ended: u64, computed: i64) {
        const MOST: u64 = 1 << 20;
        let Some(each) = computed.checked_div(ended.min(MOST) as i64) else { return };
        for _ in 0..ended.min(20) {
            let step = (self.usual / 8).max(1);
            let far = (each - self.usual).clamp(-step, step);
            self.usual = (self.usual + far).max(1);
        }
    }
}

impl Known {
    fn look(&mut self, now: i64, thread: &Thread) {
        let computed = thread.computed - self.last.computed;
        if thread.runnable || computed > 0 {
            self.moved = now;
        }
        if let Some(taken) = thread.taken
            && self.last.taken != thread.taken
        {
            self.first = thread.computed;
            self.before = thread.computed - computed.min(now - taken).max(0);
            self.moved = now;
        }
        self.last = *thread;
    }
}
