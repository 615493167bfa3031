//! Where threads stand when none of them gets the GIL: a copy of the process, in which that does not matter, has CPython write it.

use crate::python::{INTERPRETER, dump};
use crate::runtime;
use std::time::Duration;

/// Bytes that are logged.
const LARGEST: usize = 1 << 18;
/// How long the copy may take.
const FOR_THE_COPY: Duration = Duration::from_secs(1);

/// The stacks of all interpreters, line by line.
pub fn lines() -> Vec<String> {
    let text = match dump(LARGEST, FOR_THE_COPY) {
        Ok(text) => text,
        Err(error) => return vec![format!("their stacks cannot be had: {error}")],
    };
    let interpreters = runtime::get().map(|runtime| runtime.interpreters.all()).unwrap_or_default();
    let context = |address| {
        let found = interpreters.iter().find(|interpreter| interpreter.id().is_at(address));
        found.map_or_else(|| "another interpreter".into(), |interpreter| interpreter.context())
    };
    readable(&wire::shown(&text), context)
}

/// What CPython has written, without threads and interpreters that run no Python code. `context`: the interpreter at an address.
fn readable(text: &str, context: impl Fn(usize) -> String) -> Vec<String> {
    let (mut lines, mut interpreter, mut thread) = (Vec::new(), None, None);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(address) = line.strip_prefix(INTERPRETER) {
            let address = usize::from_str_radix(address, 16).unwrap_or(0);
            (interpreter, thread) = (Some(format!("threads of {}:", context(address))), None);
        } else if !line.starts_with(' ') {
            // Which thread is the current one is that of the copy.
            thread =
                Some(line.strip_prefix("Current thread").map_or(line.into(), |rest| format!("Thread{rest}")));
        } else if line.trim() != "<no Python frame>" {
            lines.extend(interpreter.take());
            lines.extend(thread.take());
            lines.push(line.into());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_no_python_code_is_left_out() {
        let text = "Interpreter 7f00\nCurrent thread 0x1 (most recent call first):\n  <no Python frame>\n\nInterpreter 7f08\nCurrent \
                    thread 0x1 (most recent call first):\n  File \"/a.py\", line 3 in f\n  File \"/a.py\", line 9 in <module>\n\nThread 0x2 \
                    (most recent call first):\n  <no Python frame>\n";
        let expected = [
            "threads of 32520:",
            "Thread 0x1 (most recent call first):",
            "  File \"/a.py\", line 3 in f",
            "  File \"/a.py\", line 9 in <module>",
        ];
        assert_eq!(readable(text, |address| address.to_string()), expected);
        assert_eq!(readable("", |_| String::new()), [""; 0]);
    }
}
