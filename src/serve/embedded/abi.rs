//! The Apache half's side of the interface: what the engine may ask of it, as C functions.
#![allow(unsafe_code)]

use super::{engine, os};
use crate::apache::brigade::Owner;
use crate::apache::{Request, guard, log};
use crate::process;
use crate::serve::context::{Head, RequestContext};
use std::ffi::c_void;
use wire::abi::{self, COPY_LIMIT, Engine, Host, ReadError, RequestHandle, VERSION};
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
/// `handle` is the context of a request in progress, and the engine uses it in one call at a time.
unsafe fn context<'a>(handle: RequestHandle) -> &'a mut RequestContext<'a> {
    // SAFETY: `serve` passed a pointer to a live RequestContext; the engine gives it back, in one call at a time.
    unsafe { &mut *handle.cast() }
}

/// # Safety
/// As for [`context`], but other calls may be in progress: only the request is read, to log.
unsafe fn request<'a>(handle: RequestHandle) -> Request<'a> {
    // SAFETY: a live RequestContext, whose request is a copy of a pointer that never changes.
    unsafe { (&raw const (*handle.cast::<RequestContext<'a>>()).request).read() }
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

extern "C" fn log_request(handle: RequestHandle, level: Level, text: Slice) {
    // SAFETY: a live context and text.
    guard((), || unsafe { log::request(request(handle), level, text.bytes()) });
}

extern "C" fn logs(handle: RequestHandle, level: Level) -> bool {
    guard(true, || {
        if handle.is_null() {
            return process::main_server().is_none_or(|server| server.logs(level));
        }
        // SAFETY: a live context.
        unsafe { request(handle).logs(level) }
    })
}

extern "C" fn read(handle: RequestHandle, into: *mut u8, len: usize) -> isize {
    guard(ReadError::Malformed as isize, || {
        // SAFETY: a live context; the engine passes `len` bytes of its own.
        let (context, into) = unsafe { (context(handle), std::slice::from_raw_parts_mut(into, len)) };
        match context.body.read(into) {
            Ok(count) => count as isize,
            Err(error) => error as isize,
        }
    })
}

extern "C" fn head(handle: RequestHandle, head: *const abi::Head) {
    guard((), || {
        // SAFETY: a live context, head and headers.
        unsafe {
            let head = &*head;
            let headers =
                if head.count == 0 { &[] } else { std::slice::from_raw_parts(head.headers, head.count) };
            let headers = headers.iter().map(|pair| (pair.name.bytes(), pair.value.bytes()));
            let context = context(handle);
            context.head = Some(Head::new(context.request, head.status, head.line.bytes(), headers));
        }
    });
}

extern "C" fn append(handle: RequestHandle, block: Slice, owner: *mut c_void) {
    guard((), || {
        // SAFETY: a live context; the block lives until it is released, or during this call if it has no owner.
        let (context, bytes) = unsafe { (context(handle), block.bytes()) };
        if context.drops_body() {
            if !owner.is_null() {
                Released::release(owner);
            }
        } else if owner.is_null() {
            context.answer.copy(bytes);
        } else {
            debug_assert!(bytes.len() > COPY_LIMIT);
            context.answer.refer::<Released>(block, owner);
        }
    });
}

extern "C" fn append_file(handle: RequestHandle, fd: i32, offset: i64, len: i64) -> bool {
    guard(false, || {
        // SAFETY: a live context.
        let context = unsafe { context(handle) };
        context.drops_body() || context.append_file(fd, offset, len).is_ok()
    })
}

extern "C" fn flush(handle: RequestHandle) -> bool {
    // SAFETY: a live context.
    // A process that the application forked does not write to the client: its parent does.
    guard(false, || !os::is_copy() && unsafe { context(handle) }.flush())
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
