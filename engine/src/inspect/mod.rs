//! What the command `mod-wsgi` asks of this process while it runs: where its threads stand ([`stacks`]), and where they stand
//! most of the time ([`profile`]). Both come from a thread of the process itself, which looks at Python's frames with the GIL held. What
//! is known without the GIL ([`known`]) is answered in any case, and where nobody gets the GIL, a copy of the process shows the stacks
//! ([`written`]).
//!
//! Names of functions and files are shown, and never the value of a variable.
#![forbid(unsafe_code)]

mod known;
mod place;
mod profile;
mod stacks;
mod written;

use crate::runtime;
use os::Asker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wire::question::{LONGEST, Question, refusal};

/// The answer to a question. Not attached; lasts as long as a profile.
pub fn answer(line: &[u8]) -> Vec<u8> {
    let answer = match Question::parse(line) {
        Some(Question::Stacks) => stacks::answer(),
        Some(Question::Profile { seconds, looks }) => profile::answer(seconds, looks),
        Some(Question::Status) | None => refusal("this process is not asked that"),
    };
    (answer + "\n").into_bytes()
}

/// What Python has called while this thread had the GIL may have forked: the copy is not what was asked.
fn end_copy() {
    if runtime::is_copy() {
        runtime::leave_copy(0);
    }
}

/// Hears and answers somebody, on a thread of its own.
pub fn attend(asker: Asker) {
    let body = move || {
        // What panics is logged, and ends nothing.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let line = asker.hear(LONGEST)?;
            asker.answer(&answer(&line))
        }));
    };
    let _ = std::thread::Builder::new().name("wsgi-inspect".into()).spawn(body);
}
