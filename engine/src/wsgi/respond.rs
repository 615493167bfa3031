//! Takes what an application answered and sends it (PEP 3333, "Buffering and Streaming").

use super::call::Call;
use super::events;
use super::failed::failure_text;
use super::objects::Objects;
use crate::python::{Bound, BuiltinType, Problem, Py, Result, duplicate};
use std::fs::File;
use std::os::fd::RawFd;
use std::sync::Arc;
use wire::message;

/// Sends the application's iterable. `close()` is called in any case, once (PEP 3333, "the close() method").
pub fn respond(call: &Arc<Call>, iterable: &Bound<'_>) -> Result<()> {
    let py = iterable.py();
    // Lists and tuples are the whole answer at once, and have no close().
    if matches!(iterable.builtin_type(), BuiltinType::List | BuiltinType::Tuple) {
        for index in 0..iterable.count() {
            block(call, &iterable.item(index)?)?;
        }
        return call.commit(py);
    }
    let sent = send(call, iterable);
    // What `close` raises must not hide what was raised before, so that is set aside.
    let raised = sent.err().map(|raised| raised.take(py));
    close(call, iterable);
    match raised {
        Some(exception) => Err(exception.raise()),
        None => Ok(()),
    }
}

fn send(call: &Arc<Call>, iterable: &Bound<'_>) -> Result<()> {
    let py = iterable.py();
    if iterable.is_instance(Objects::of(&call.interpreter).file_wrapper(py))? && send_file(call, iterable)? {
        return Ok(());
    }
    let items = iterable.iter()?;
    while let Some(item) = items.next()? {
        if block(call, &item)? && !call.flush(py)? {
            // The client has gone: the application need not produce what nobody reads.
            return Ok(());
        }
    }
    call.commit(py)
}

fn block(call: &Arc<Call>, item: &Bound<'_>) -> Result<bool> {
    if item.as_bytes().is_none() {
        let complaint = format!("response iterable must yield bytes, not {}", item.type_name());
        return Err(Problem::Type.raise(item.py(), complaint));
    }
    call.block(item)
}

/// A file wrapper over a regular file: the file itself goes out, not what reading it yields. False: iterate.
fn send_file(call: &Arc<Call>, wrapper: &Bound<'_>) -> Result<bool> {
    let py = wrapper.py();
    let answer = call.answer.borrow(py);
    let (committed, status) = (answer.committed, answer.status);
    drop(answer);
    if committed || status == 0 {
        return Ok(false);
    }
    let file = wrapper.attr(c"filelike")?;
    let Some((fd, offset)) = position(py, &file) else { return Ok(false) };
    let Some((own, size)) = regular(fd) else { return Ok(false) };
    call.file(py, own, offset, size)?;
    // A plain file may be closed before it is sent, for the descriptor was duplicated; nobody can tell. Anything
    // else may do more in close(), which must come after the last block.
    if !Objects::of(&call.interpreter).is_plain_file(py, &file) {
        call.settle(py)?;
    }
    Ok(true)
}

/// `fileno()` and `tell()` of a file-like object; `None` if it has no such thing.
fn position(py: Py<'_>, file: &Bound<'_>) -> Option<(RawFd, u64)> {
    let ask = || -> Result<(i64, i64)> {
        Ok((file.attr(c"fileno")?.call(&[])?.as_int()?, file.attr(c"tell")?.call(&[])?.as_int()?))
    };
    match ask() {
        Ok((fd, offset)) => Some((fd.try_into().ok()?, offset.try_into().ok()?)),
        Err(raised) => {
            raised.forget(py);
            None
        }
    }
}

/// A regular file under a descriptor of its own, with its size; `None` for pipes, sockets and their kind.
fn regular(fd: RawFd) -> Option<(File, u64)> {
    let file = File::from(duplicate(fd).ok()?);
    let data = file.metadata().ok()?;
    data.is_file().then_some((file, data.len()))
}

/// Calls `close()` if there is one; what it raises is logged and changes nothing.
fn close(call: &Arc<Call>, iterable: &Bound<'_>) {
    let closed = match iterable.attr_if_any(c"close") {
        Ok(Some(close)) => close.call(&[]).map(drop),
        Ok(None) => Ok(()),
        Err(raised) => {
            call.interpreter.log_exception(
                iterable.py(),
                raised,
                Some(&call.output),
                message::CLOSE_LOOKUP,
                "looking up close() of the response raised an exception",
            );
            return;
        }
    };
    if let Err(raised) = closed {
        let raised = events::exception(iterable.py(), call, raised);
        call.close_raised.set(iterable.py(), true);
        let what = failure_text(call, iterable.py(), &raised);
        call.interpreter.log_exception(
            iterable.py(),
            raised,
            Some(&call.output),
            message::APPLICATION_RAISED,
            what,
        );
    }
}
