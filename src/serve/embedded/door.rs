//! The Apache half's side of the door: what the engine may ask of it, as C functions.
#![allow(unsafe_code)]

use super::{engine, os};
use crate::apache::brigade::Owner;
use crate::apache::{Request, guard, log};
use crate::process;
use crate::serve::context::{Exchange, Head};
use std::ffi::c_void;
use wire::door::{self, COPY_LIMIT, Engine, Exchange as Handle, Host, ReadError, VERSION};
use wire::{Level, Slice};

/// The table of this process. `settings`: encoded [`wire::settings::Settings`].
pub fn host(settings: &'static [u8]) -> Host {
    Host {
        version: VERSION,
        size: size_of::<Host>() as u32,
        settings: Slice::of(settings),
        ready,
        log: log_server,
        log_request,
        logs,
        read,
        head,
        append,
        append_file,
        flush,
    }
}

/// # Safety
/// `handle` is the exchange of a request in progress, and the engine uses it in one call at a time.
unsafe fn exchange<'a>(handle: Handle) -> &'a mut Exchange<'a> {
    // SAFETY: `serve` passed a pointer to a live Exchange; the engine gives it back, in one call at a time.
    unsafe { &mut *handle.cast() }
}

/// # Safety
/// As for [`exchange`], but other calls may be in progress: only the request is read, to log.
unsafe fn request<'a>(handle: Handle) -> Request<'a> {
    // SAFETY: a live Exchange, whose request is a copy of a pointer that never changes.
    unsafe { (&raw const (*handle.cast::<Exchange<'a>>()).request).read() }
}

extern "C" fn ready(engine: *const Engine, why: Slice) {
    guard((), || {
        // SAFETY: null or a table that lives as the process; the sentence lives during this call.
        let (engine, why) = unsafe { (engine.as_ref(), String::from_utf8_lossy(why.bytes())) };
        super::os::restore_interrupt();
        engine::answered(engine.ok_or_else(|| why.into_owned()));
    });
}

extern "C" fn log_server(level: Level, text: Slice) {
    // SAFETY: the text lives during this call.
    guard((), || log::server(process::main_server(), level, unsafe { text.bytes() }));
}

extern "C" fn log_request(handle: Handle, level: Level, text: Slice) {
    // SAFETY: a live exchange and text.
    guard((), || unsafe { log::request(request(handle), level, text.bytes()) });
}

extern "C" fn logs(handle: Handle, level: Level) -> bool {
    guard(true, || {
        if handle.is_null() {
            return process::main_server().is_none_or(|server| server.logs(level));
        }
        // SAFETY: a live exchange.
        unsafe { request(handle).logs(level) }
    })
}

extern "C" fn read(handle: Handle, into: *mut u8, len: usize) -> isize {
    guard(ReadError::Malformed as isize, || {
        // SAFETY: a live exchange; the engine passes `len` bytes of its own.
        let (exchange, into) = unsafe { (exchange(handle), std::slice::from_raw_parts_mut(into, len)) };
        match exchange.body.read(into) {
            Ok(count) => count as isize,
            Err(error) => error as isize,
        }
    })
}

extern "C" fn head(handle: Handle, head: *const door::Head) {
    guard((), || {
        // SAFETY: a live exchange, head and headers.
        unsafe {
            let head = &*head;
            let headers =
                if head.count == 0 { &[] } else { std::slice::from_raw_parts(head.headers, head.count) };
            let headers = headers.iter().map(|pair| (pair.name.bytes(), pair.value.bytes()));
            let exchange = exchange(handle);
            exchange.head = Some(Head::new(exchange.request, head.status, head.line.bytes(), headers));
        }
    });
}

extern "C" fn append(handle: Handle, block: Slice, owner: *mut c_void) {
    guard((), || {
        // SAFETY: a live exchange; the block lives until it is released, or during this call if it has no owner.
        let (exchange, bytes) = unsafe { (exchange(handle), block.bytes()) };
        if exchange.drops_body() {
            if !owner.is_null() {
                Released::release(owner);
            }
        } else if owner.is_null() {
            exchange.answer.copy(bytes);
        } else {
            debug_assert!(bytes.len() > COPY_LIMIT);
            exchange.answer.refer::<Released>(block, owner);
        }
    });
}

extern "C" fn append_file(handle: Handle, fd: i32, offset: i64, len: i64) -> bool {
    guard(false, || {
        // SAFETY: a live exchange.
        let exchange = unsafe { exchange(handle) };
        exchange.drops_body() || exchange.append_file(fd, offset, len).is_ok()
    })
}

extern "C" fn flush(handle: Handle) -> bool {
    // SAFETY: a live exchange.
    // A process that the application forked does not write to the client: its parent does.
    guard(false, || !os::is_copy() && unsafe { exchange(handle) }.flush())
}

/// Blocks that belong to Python.
struct Released;

impl Owner for Released {
    fn release(owner: *mut c_void) {
        if let Ok(engine) = engine::get() {
            (engine.release)(owner);
        }
    }
}
