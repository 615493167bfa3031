//! What the garbage collectors of the interpreters do.

use super::datagram::{Datagram, Kind};
use crate::python::{Py, Result, delete_states_of_this_thread};
use crate::runtime::{Interpreter, Runtime, gate};

/// Datagrams about the garbage collector of each interpreter. Waits for the GIL: on a thread of its own, not attached.
pub fn look(runtime: &Runtime) -> Vec<Datagram> {
    // It keeps the end of Python waiting, but not for long.
    let Some(_inside) = gate().enter() else { return Vec::new() };
    let mut datagrams = Vec::new();
    for interpreter in runtime.interpreters.all() {
        interpreter.visit(|py| {
            if let Err(raised) = ask(py, &interpreter, &mut datagrams) {
                raised.forget(py);
            }
        });
    }
    // An interpreter in which another thread has a state cannot be ended.
    delete_states_of_this_thread();
    datagrams
}

fn ask(py: Py<'_>, interpreter: &Interpreter, datagrams: &mut Vec<Datagram>) -> Result<()> {
    let answer = interpreter.ask(py, c"garbage_collector", &[])?;
    let (numbers, events) = (answer.item(0)?, answer.item(1)?);
    let positive = |number: i64| u64::try_from(number).unwrap_or(0);
    let mut snapshot = Datagram::new(Kind::Collector);
    snapshot.text(8, interpreter.name());
    for at in 0..numbers.count() {
        snapshot.int(300 + at as u16, positive(numbers.item(at)?.as_int()?));
    }
    datagrams.push(snapshot);
    for at in 0..events.count() {
        let event = events.item(at)?;
        let mut datagram = Datagram::new(Kind::Collection);
        datagram.text(8, interpreter.name());
        datagram.float(320, event.item(0)?.as_float()?).float(321, event.item(1)?.as_float()?);
        for part in 2..5 {
            datagram.int(320 + part as u16, positive(event.item(part)?.as_int()?));
        }
        datagrams.push(datagram);
    }
    Ok(())
}
