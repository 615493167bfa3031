//! `stacks`: where the threads of a process stand, those that serve a request first.

use super::server::Process;
use super::table::{clean, list, number, seconds, span, text};
use crate::failure::Failure;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// Requests, stacks and threads of a process that are shown; it has no more that it tells of.
const MOST: usize = 1000;
/// Frames of a stack.
const MOST_FRAMES: usize = 201;
/// The same for threads, as the system sees them.
const MOST_TASKS: usize = 4096;

/// Threads of an answer, as the system sees them, by their numbers.
type Tasks<'a> = HashMap<u64, &'a Value>;

/// A list's beginning.
fn first<'a>(answer: &'a Value, name: &str, most: usize) -> &'a [Value] {
    let all = list(answer, name);
    &all[..all.len().min(most)]
}

/// By the numbers of threads; of two, the first one.
fn by_thread(values: &[Value]) -> HashMap<u64, &Value> {
    let mut found = HashMap::new();
    for value in values {
        found.entry(number(value, "thread")).or_insert(value);
    }
    found
}

/// What a process has answered. `known`: its requests, as Apache knows them.
pub fn shown(process: &Process, answer: &Value, known: &[&Value]) -> String {
    let requests = first(answer, "requests", MOST);
    let threads = first(answer, "threads", MOST_TASKS);
    let tasks = by_thread(threads);
    let mut out = format!(
        "Process {} of group {}: {} in progress\n",
        process.pid,
        process.group,
        counted(requests.len())
    );
    let why = text(answer, "stacks_unknown");
    if !why.is_empty() {
        let _ = writeln!(out, "  The stacks of Python are unknown: {}", clean(why));
    }
    let note = text(answer, "stacks_note");
    if !note.is_empty() {
        let _ = writeln!(out, "  The stacks are those of a copy of the process: {}", clean(note));
    }
    let stacks = first(answer, "stacks", MOST);
    let by_number = by_thread(stacks);
    let of_thread = |thread: u64| by_number.get(&thread).filter(|_| thread > 0);
    for request in requests {
        let thread = number(request, "thread");
        let _ = writeln!(out, "\n  {}", title(request, known));
        let _ = writeln!(out, "    thread {thread}{}", of_system(&tasks, thread));
        match of_thread(thread) {
            Some(stack) => frames(&mut out, stack),
            None if why.is_empty() && note.is_empty() => out += "    runs no Python code now\n",
            None => {}
        }
    }
    let serving: HashSet<u64> = requests.iter().map(|request| number(request, "thread")).collect();
    for stack in stacks.iter().filter(|stack| !serving.contains(&number(stack, "thread"))) {
        let (thread, name) = (number(stack, "thread"), text(stack, "name"));
        let name = if name.is_empty() { "without a name".to_owned() } else { format!("'{}'", clean(name)) };
        let _ = writeln!(out, "\n  Thread {name} of the {}", interpreter(stack));
        if thread > 0 {
            let _ = writeln!(out, "    thread {thread}{}", of_system(&tasks, thread));
        }
        frames(&mut out, stack);
    }
    if !why.is_empty() || !note.is_empty() {
        out += "\n  Threads, as the system sees them:\n";
        for task in threads {
            let thread = number(task, "thread");
            let _ =
                writeln!(out, "    {thread} '{}'{}", clean(text(task, "name")), of_system(&tasks, thread));
        }
    }
    out += "\n";
    out
}

/// What is known of a process that has not answered.
pub fn without_answer(process: &Process, failure: &Failure, known: &[&Value]) -> String {
    let mut out = format!("Process {} of group {}: {failure}\n", process.pid, process.group);
    for request in known {
        let _ = writeln!(out, "  {}", title(request, known));
    }
    out + "\n"
}

/// Requests of a group, as Apache knows them.
pub fn without_process(group: &str, requests: &[&Value]) -> String {
    let mut out = format!("Group {group}: {} that no thread has yet\n\n", counted(requests.len()));
    for request in requests.iter().take(MOST) {
        let _ = writeln!(out, "  {}", title(request, requests));
    }
    out + "\n"
}

fn counted(requests: usize) -> String {
    if requests == 1 { "1 request".into() } else { format!("{requests} requests") }
}

/// A request, with where Apache sees it.
fn title(request: &Value, known: &[&Value]) -> String {
    let id = text(request, "id");
    let same = known.iter().find(|known| !id.is_empty() && text(known, "id") == id);
    let place = same.map(|known| format!(", {}", clean(text(known, "phase")))).unwrap_or_default();
    let what = match text(request, "method") {
        "" => format!("A request of {}", clean(text(request, "script"))),
        method => format!("{} {}", clean(method), clean(text(request, "uri"))),
    };
    let id = if id.is_empty() { String::new() } else { format!(", id {}", clean(id)) };
    format!("{what} for {}{place}{id}", span(seconds(request, "age")))
}

/// What the system says of a thread.
fn of_system(tasks: &Tasks<'_>, thread: u64) -> String {
    let Some(task) = tasks.get(&thread) else {
        return String::new();
    };
    let waits = match text(task, "waits_in") {
        "" => String::new(),
        name => format!(" in {}", clean(name)),
    };
    format!(
        ", {}{waits}, {} of processor time",
        clean(text(task, "state")),
        span(seconds(task, "cpu_seconds"))
    )
}

fn interpreter(stack: &Value) -> String {
    match text(stack, "interpreter") {
        "" => "main interpreter".into(),
        name => format!("sub-interpreter '{}'", clean(name)),
    }
}

fn frames(out: &mut String, stack: &Value) {
    if stack["cut"] == true {
        out.push_str("    ... outer frames are left out ...\n");
    }
    for frame in first(stack, "frames", MOST_FRAMES) {
        let (function, file) = (clean(text(frame, "function")), clean(text(frame, "file")));
        let _ = writeln!(out, "    {function} ({file}:{})", number(frame, "line"));
    }
}
