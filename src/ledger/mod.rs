//! The ledger of this server ([`wire::ledger`]): made by httpd's parent, which keeps it as long as it lives; its children and
//! the supervisors inherit it. Without one, requests are served as ever, and there is nothing to show.
#![deny(unsafe_code)]

mod stay;

pub use stay::{Stay, span, stay};

use crate::apache::{self, AtEnd, Pool, Server, hook, mpm};
use crate::process;
use once_cell::sync::OnceCell;
use os::Mapping;
use std::io;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::Mutex;
use wire::ledger::{Child, LAYOUT, Ledger, ROWS, Row};
use wire::{Message, Origin};

/// Index of the row of embedded mode.
pub const EMBEDDED: usize = 0;

/// In the parent, and in processes that have just been forked.
static MAPPED: Mutex<Option<Mapping<Ledger>>> = Mutex::new(None);

/// In a process that uses it.
static OURS: OnceCell<Ours> = OnceCell::new();

struct Ours {
    ledger: &'static Ledger,
    child: Option<&'static Child>,
}

/// Index of the row for the group of this name; `rows` are the names of those that there are, to which it is added. `None`: there
/// are too many.
pub fn row_of(rows: &mut Vec<Vec<u8>>, name: &[u8]) -> Option<usize> {
    if rows.is_empty() {
        rows.push(Vec::new());
    }
    let known = rows.iter().skip(1).position(|row| row == name).map(|at| at + 1);
    known.or_else(|| {
        (rows.len() < ROWS).then(|| {
            rows.push(name.to_vec());
            rows.len() - 1
        })
    })
}

/// In the parent: has the ledger in the file that was kept, or makes one; answers its descriptor.
pub fn prepare(kept: Option<RawFd>) -> io::Result<RawFd> {
    let size = size_of::<Ledger>();
    let file = match kept {
        None => os::empty_memory(c"mod_wsgi ledger", size)?.into_raw_fd(),
        Some(file) => file,
    };
    let ledger = Mapping::<Ledger>::of(file, size)?;
    ledger.begin(apache::now());
    *os::lock(&MAPPED) = Some(ledger);
    Ok(file)
}

/// In the parent: the configuration goes.
pub fn forget() {
    os::lock(&MAPPED).take();
}

/// The layout of a ledger that this module can use.
pub fn layout() -> u32 {
    LAYOUT
}

/// In a process that was forked: the ledger is used from now on.
pub fn enter() -> Option<&'static Ledger> {
    let mapped = os::lock(&MAPPED).take();
    mapped.map(|mapped| {
        let ledger = mapped.leak();
        let _ = OURS.set(Ours { ledger, child: None });
        ledger
    })
}

/// The ledger, in a process that uses it.
pub fn get() -> Option<&'static Ledger> {
    OURS.get().map(|ours| ours.ledger)
}

/// The row of this index.
pub fn row(row: Option<usize>) -> Option<&'static Row> {
    get()?.rows.get(row?)
}

/// The row of this process among Apache's children.
pub fn child() -> Option<&'static Child> {
    OURS.get().and_then(|ours| ours.child)
}

/// Notes a line of the log in the journal of a group, if it is about the start of an application that has failed. `line`: with its number.
/// What an application has written is no such line, whatever it says: a visitor may have chosen it.
pub fn note_failed_start(at: Option<usize>, pid: u32, line: &[u8], origin: &Origin<'_>) {
    if origin.logger.get().is_empty()
        && let Some(message) = Message::of_line(line)
        && message.is_failed_start()
    {
        let first = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        note(at, message, pid, &first["WSGInnnn: ".len()..]);
    }
}

/// Notes something in the journal of a group.
pub fn note(at: Option<usize>, message: Message, pid: u32, text: &[u8]) {
    if let Some(row) = row(at) {
        row.journal.write(message.number(), message.level(), pid, apache::now(), text);
    }
}

/// A child of Apache begins.
pub struct Begin;

impl hook::ChildStart for Begin {
    fn run(pool: Pool<'static>, _: Server<'static>) {
        let Some(mapped) = os::lock(&MAPPED).take() else { return };
        let ledger = mapped.leak();
        ledger.sweep(process::pid(), |pid, since| os::Sight::of(pid).is_other_than(since));
        let child = ledger.child(process::pid(), |pid| !os::is_alive(pid));
        child.inspect(|child| child.begin(mpm::generation(), os::monotonic()));
        let _ = OURS.set(Ours { ledger, child });
        pool.at_end::<End>();
    }
}

/// A child of Apache ends.
struct End;

impl AtEnd for End {
    fn run() {
        let is_copy = process::pid() != std::process::id();
        if let Some(child) = child().filter(|_| !is_copy) {
            child.end(process::pid());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_keeps_its_row() {
        let mut rows = Vec::new();
        assert_eq!(
            [row_of(&mut rows, b"a"), row_of(&mut rows, b"b"), row_of(&mut rows, b"a")],
            [1, 2, 1].map(Some)
        );
        for number in 3..ROWS {
            assert_eq!(row_of(&mut rows, number.to_string().as_bytes()), Some(number));
        }
        assert_eq!([row_of(&mut rows, b"one more"), row_of(&mut rows, b"b")], [None, Some(2)]);
        assert_eq!(rows[EMBEDDED], b"");
    }
}
