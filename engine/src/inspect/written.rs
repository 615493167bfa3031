//! Stacks of which CPython has written the text, in a copy of the process, while nobody else got the GIL.
//!
//! The memory may have been half changed: what is not in the form in which CPython writes is skipped.

use super::place::Place;
use super::stacks::{MOST_FRAMES, MOST_THREADS, ROOM, Stack};
use crate::python::{INTERPRETER, dump};
use crate::runtime::Runtime;
use std::time::Duration;

/// CPython writes 100 frames of 100 threads of each interpreter, with names of 500 characters; mostly it is a hundredth.
const LARGEST: usize = 4 << 20;

/// The stacks, if they can be had within this time.
pub fn stacks(runtime: &Runtime, within: Duration) -> Option<Vec<Stack>> {
    let interpreters = runtime.interpreters.all();
    let text = dump(LARGEST, within).ok()?;
    let name = |address| {
        let named = interpreters.iter().find(|interpreter| interpreter.id().is_at(address));
        named.map_or_else(Vec::new, |interpreter| interpreter.name().to_vec())
    };
    Some(parse(&wire::shown(&text), name)).filter(|stacks| !stacks.is_empty())
}

/// The stacks of a text. `name`: that of the interpreter at an address.
fn parse(text: &str, name: impl Fn(usize) -> Vec<u8>) -> Vec<Stack> {
    let (mut stacks, mut interpreter, mut room) = (Vec::new(), Vec::new(), ROOM);
    // What the copy was writing when it ended has no end.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        if let Some(address) = line.strip_prefix(INTERPRETER) {
            interpreter = usize::from_str_radix(address, 16).map(&name).unwrap_or_default();
        } else if let Some(ident) = thread(line) {
            if stacks.len() >= MOST_THREADS {
                break;
            }
            stacks.push(Stack::new(interpreter.clone(), ident));
        } else if let (Some(stack), Some(line)) = (stacks.last_mut(), line.strip_prefix("  ")) {
            if line == "..." || room == 0 || stack.frames.len() >= MOST_FRAMES {
                stack.is_cut = true;
            } else if let Some(place) = frame(line) {
                stack.frames.push(place);
                room -= 1;
            }
        }
    }
    // The innermost one is written first.
    stacks.iter_mut().for_each(|stack| stack.frames.reverse());
    stacks.retain(Stack::is_of_interest);
    stacks
}

/// The thread whose stack begins with this line.
fn thread(line: &str) -> Option<i64> {
    let line = line.strip_prefix("Current thread 0x").or_else(|| line.strip_prefix("Thread 0x"))?;
    let digits = line.strip_suffix(':')?.split(' ').next()?;
    u64::from_str_radix(digits, 16).ok().map(|ident| ident as i64)
}

/// The place that a line names: `File "app.wsgi", line 3 in application`. What CPython does not know is `???`.
fn frame(line: &str) -> Option<Place> {
    let (file, rest) = line.strip_prefix("File ")?.rsplit_once(", line ")?;
    let (number, function) = rest.split_once(" in ")?;
    Place::new(function, file.trim_matches('"'), number.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What 3.11 to 3.13 write, behind the line of the engine's own.
    const TEXT: &str = "Interpreter 2a\n\
        Current thread 0x00007f51bd8e6040 (most recent call first):\n  \
          Garbage-collecting\n  \
          File \"/srv/shop/orders.py\", line 31 in latest\n  \
          File \"/srv/a \"b\", line 2 in c.py\", line ??? in application\n  \
          ...\n\
        \n\
        Thread 0x00007f51b77fe6c0 (most recent call first):\n  \
          <no Python frame>\n\
        \n\
        Thread 0x00007f51b7fff6c0 [worker] (most recent call first):\n  \
          File ???, line 5 in ???\n  \
          File \"<mod_wsgi/_threads.py>\", line 7 in run\n\
        Interpreter 0\n\
        Thread 0x0000000000000001 (most recent call first):\n  \
          File \"<string>\", line 12 in <module>\n\
        Thread 0x0000000000000002 (most recent call first):\n  \
          File \"a.py\", line 1 in whole\n  \
          File \"a.py\", line 12 in hal";

    #[test]
    fn what_cpython_writes_is_read() {
        let named = |address| if address == 0x2a { b"shop".to_vec() } else { Vec::new() };
        let stacks = parse(TEXT, named);
        let place = |function, file, line| Place::new(function, file, line).expect("the application's");
        let shop = Stack {
            frames: vec![
                place("application", "/srv/a \"b\", line 2 in c.py", 0),
                place("latest", "/srv/shop/orders.py", 31),
            ],
            is_cut: true,
            ..Stack::new(b"shop".to_vec(), 0x7f51bd8e6040)
        };
        let worker =
            Stack { frames: vec![place("???", "???", 5)], ..Stack::new(b"shop".to_vec(), 0x7f51b7fff6c0) };
        let last = Stack { frames: vec![place("whole", "a.py", 1)], ..Stack::new(Vec::new(), 2) };
        assert_eq!(stacks, [shop, worker, last]);
    }

    #[test]
    fn nonsense_is_skipped() {
        for text in
            ["", "x\n", "  File \"a\", line 1 in b\n", "Thread 0x (most):\n  File \"a\", line 1 in b\n"]
        {
            assert_eq!(parse(text, |_| Vec::new()), [], "{text}");
        }
        let deep = "Thread 0x1 (most recent call first):\n".to_owned()
            + &"  File \"a.py\", line 1 in f\n".repeat(MOST_FRAMES + 1);
        let stacks = parse(&deep.repeat(ROOM), |_| Vec::new());
        assert_eq!(
            (stacks.len(), stacks[0].frames.len(), stacks[0].is_cut),
            (ROOM / MOST_FRAMES, MOST_FRAMES, true)
        );
    }
}
