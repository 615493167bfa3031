//! Where threads stand most of the time: a thread looks at them so many times each second, and counts the stacks that it sees. The
//! thread and all that it holds go with the answer.
//!
//! A thread that waits for the GIL gets it when another one lets go of it, mostly in a call of the system: whoever looks then sees these calls
//! alone, and nothing of what has computed in between, unless that takes 5 ms (`sys.getswitchinterval()`). So each look shortens that interval,
//! at a moment that is left to chance, and puts it back when it has the GIL. From 3.12 on the interval is changed by whoever has the GIL:
//! then it is done in a step of its own, some time before.

use super::end_copy;
use super::known;
use super::place::Place;
use crate::python::{
    Bound, Owned, Py, Result, ShortTurns, delete_states_of_this_thread, thread_ident, without_collector,
};
use crate::runtime::{self, Interpreter, Runtime};
use crate::watchdog::Frames;
use rustc_hash::FxHashMap;
use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use wire::json::Value::{self, List, Number, Object, Seconds};
use wire::question::refusal;

/// How much longer than asked for a profile may take.
const BEYOND: Duration = Duration::from_secs(2);
/// How long after the first step of a look the second one comes at most.
const SPREAD: Duration = Duration::from_millis(2);
/// Frames of a stack that count, the innermost ones.
const MOST_FRAMES: usize = 200;
/// Places in code that are told apart, and frames of all stacks; a stack beyond that is not counted.
const ROOM: (usize, usize) = (100_000, 2_000_000);
/// The answer is no longer than the command reads (8 MiB), bytes. What else is in it, and what is guessed of a place and of a
/// number, with what stands around their texts.
const LARGEST: usize = (8 << 20) - (64 << 10);
const OF_PLACE: usize = 48;
const OF_NUMBER: usize = 7;
/// What is guessed of the size of code, bytes.
const CODE: usize = 1000;

static PROFILING: AtomicBool = AtomicBool::new(false);

/// What has been seen.
#[derive(Default)]
struct Profile {
    looks: u32,
    places: Vec<Place>,
    /// Which place code is, by its address; `None`: the engine's.
    known: FxHashMap<usize, Option<u32>>,
    /// Keeps addresses from being those of other code.
    kept: Vec<(Arc<Interpreter>, Owned)>,
    roots: FxHashMap<Vec<u8>, u32>,
    /// Places, the outermost first, and how often they were seen.
    stacks: FxHashMap<Vec<u32>, u32>,
    frames: usize,
    /// Bytes of the answer.
    size: usize,
    /// Stacks for which there was no room.
    left_out: u32,
}

/// The answer, after so many seconds.
pub fn answer(seconds: u32, looks: u32) -> String {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            PROFILING.store(false, Ordering::SeqCst);
        }
    }
    let Some(runtime) = runtime::get() else { return refusal("Python has not started yet") };
    if PROFILING.swap(true, Ordering::SeqCst) {
        return refusal("another profile of this process is being taken; wait for its end");
    }
    let done = Done;
    let length = Duration::from_secs(seconds.into());
    let (send, receive) = channel();
    let body = move || {
        let done = done;
        // Else a wait of 20 microseconds lasts 70, in which a short request has ended.
        let _ = os::prctl::set_timerslack(1);
        let mut profile = Profile::default();
        let begun = Instant::now();
        profile.take(runtime, length, looks);
        profile.release();
        let value = profile.value(begun.elapsed());
        delete_states_of_this_thread();
        // Whoever has the answer may ask for the next one.
        drop(done);
        let _ = send.send(value);
    };
    let spawned = std::thread::Builder::new().name("wsgi-profile".into()).spawn(body);
    match spawned.map(|_| receive.recv_timeout(length + BEYOND)) {
        Ok(Ok(value)) => value.to_string(),
        Ok(Err(_)) => refusal(
            "an extension module holds the GIL and does not release it; 'mod-wsgi stacks' says what is known",
        ),
        Err(_) => refusal("no thread can be started"),
    }
}

impl Profile {
    fn take(&mut self, runtime: &Runtime, length: Duration, looks: u32) {
        let begun = Instant::now();
        let between = Duration::from_secs(1) / looks;
        let mut chance = Chance(
            os::random().map_or(1, |bytes| u64::from_ne_bytes(bytes[..8].try_into().unwrap_or([1; 8]))),
        );
        let mut next = begun;
        loop {
            // Looks that are missed are not made up for.
            next = (next + between).max(Instant::now());
            if next > begun + length {
                return;
            }
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            let gils = runtime.interpreters.by_gil();
            let spread = chance.below(SPREAD.min(between / 2)) / gils.len() as u32;
            for gil in &gils {
                let turns = Turns::take(&gil[0], spread);
                gil[0].visit(|py| {
                    turns.end(py);
                    self.look(py, gil).unwrap_or_else(|raised| raised.forget(py));
                });
                end_copy();
            }
            self.looks += 1;
        }
    }

    fn look(&mut self, py: Py<'_>, gil: &[Arc<Interpreter>]) -> Result<()> {
        without_collector(py, || {
            let found = Frames::of_threads(py, gil, None)?;
            let own = thread_ident() as i64;
            for found in found.iter().filter(|found| found.ident != own) {
                let stack = self.walk(&found.frame, &found.owner);
                self.count(stack);
            }
            Ok(())
        })
    }

    /// The places of a stack, the outermost first.
    fn walk(&mut self, innermost: &Bound<'_>, owner: &Arc<Interpreter>) -> Vec<u32> {
        let mut stack = Vec::new();
        let mut next = Some(innermost.clone());
        while let Some(frame) = next.filter(|_| stack.len() < MOST_FRAMES) {
            stack.extend(frame.frame_code().and_then(|code| self.place(code, owner)));
            next = frame.frame_back();
        }
        let is_idle =
            matches!(stack[..], [] | [_]) && stack.iter().all(|at| self.places[*at as usize].is_bootstrap());
        if is_idle {
            return Vec::new();
        }
        let places = &mut self.places;
        stack.push(*self.roots.entry(owner.name().to_vec()).or_insert_with(|| {
            places.push(Place::root(owner.name()));
            places.len() as u32 - 1
        }));
        stack.reverse();
        stack
    }

    fn place(&mut self, code: Bound<'_>, owner: &Arc<Interpreter>) -> Option<u32> {
        if let Some(known) = self.known.get(&code.address()) {
            return *known;
        }
        if self.places.len() >= ROOM.0 || self.size > LARGEST {
            return None;
        }
        let place = Place::of(&code, None).map(|place| {
            self.size += place.size() + OF_PLACE;
            self.places.push(place);
            self.places.len() as u32 - 1
        });
        self.known.insert(code.address(), place);
        self.kept.push((owner.clone(), code.keep_for(owner.id())));
        place
    }

    fn count(&mut self, stack: Vec<u32>) {
        if stack.is_empty() {
            return;
        }
        if let Some(count) = self.stacks.get_mut(&stack) {
            *count += 1;
            return;
        }
        let size = (stack.len() + 2) * OF_NUMBER;
        if self.frames + stack.len() > ROOM.1 || self.size + size > LARGEST {
            self.left_out += 1;
        } else {
            self.size += size;
            self.frames += stack.len();
            self.stacks.insert(stack, 1);
        }
    }

    /// Gives back the code where it belongs.
    fn release(&mut self) {
        for (owner, code) in self.kept.drain(..) {
            Interpreter::release_later(&owner, code, CODE);
        }
    }

    fn value(&self, time: Duration) -> Value {
        let numbers = |stack: &[u32]| List(stack.iter().map(|at| Number((*at).into())).collect());
        let stacks =
            self.stacks.iter().map(|(stack, count)| List(vec![Number((*count).into()), numbers(stack)]));
        let mut pairs = known::process();
        pairs.extend([
            ("seconds", Seconds(time.as_secs_f64())),
            ("looks", Number(self.looks.into())),
            ("left_out", Number(self.left_out.into())),
            ("places", List(self.places.iter().map(Place::value).collect())),
            ("stacks", List(stacks.collect())),
        ]);
        Object(pairs)
    }
}

/// As long as it lives threads get the GIL soon that wait for it.
struct Turns<'a> {
    interpreter: &'a Interpreter,
    /// Whoever has the GIL shortened the interval otherwise.
    _short: Option<ShortTurns>,
    is_asked: bool,
}

impl<'a> Turns<'a> {
    /// From so long after the moment on.
    fn take(interpreter: &'a Interpreter, after: Duration) -> Self {
        let mut turns = Self { interpreter, _short: None, is_asked: false };
        if ShortTurns::are_possible() {
            std::thread::sleep(after);
            turns._short = ShortTurns::begin();
        } else {
            turns.is_asked = true;
            interpreter.visit(|py| turns.ask(py, c"take_turns"));
            end_copy();
            std::thread::sleep(after);
        }
        turns
    }

    /// By whoever has the GIL.
    fn end(mut self, py: Py<'_>) {
        if std::mem::take(&mut self.is_asked) {
            self.ask(py, c"end_turns");
        }
    }

    fn ask(&self, py: Py<'_>, name: &CStr) {
        self.interpreter.ask(py, name, &[]).map(drop).unwrap_or_else(|raised| raised.forget(py));
    }
}

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        if self.is_asked {
            // Something has panicked, or the interpreter has ended.
            self.interpreter.visit(|py| self.ask(py, c"end_turns"));
        }
    }
}

/// Numbers by chance (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: Duration) -> Duration {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        most * (self.0 % 1000) as u32 / 1000
    }
}
