//! The Apache half's side of the interface: what the engine may ask of it, as C functions.
#![allow(unsafe_code)]

use super::{engine, os};
use crate::apache::{Request, guard, log, scoreboard};
use crate::serve::context::{Head, RequestContext, Returned};
use crate::{ledger, process};
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use wire::abi::{
    self, COPY_LIMIT, Engine, Host, LogHandle, ReadError, RequestHandle, VERSION, Value, ValueKind,
};
use wire::ledger::Phase;
use wire::starts::Took;
use wire::{Buffer, Lent, Level, Origin, Slice};

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
        copy,
        refer,
        append_file,
        waits,
        flush,
        returned,
        scoreboard,
        started,
        gil: ledger::child().map(|child| &child.gil),
        tls_variable,
    }
}

/// What the engine gets of a request, which is used through this alone meanwhile.
pub fn handle<'a>(context: &'a mut RequestContext<'_>) -> RequestHandle<'a> {
    // SAFETY: the functions below cast it back, one at a time; those that log read the request alone, which never changes.
    unsafe { RequestHandle::new(NonNull::from(context).cast()) }
}

fn context<'a>(handle: &'a mut RequestHandle<'_>) -> &'a mut RequestContext<'a> {
    // SAFETY: only `handle` makes handles, of a context that is borrowed as long as them; it is used in one call at a time.
    unsafe { handle.context().cast().as_mut() }
}

fn request<'a>(handle: LogHandle<'a>) -> Request<'a> {
    let context = handle.context().cast::<RequestContext<'a>>().as_ptr();
    // SAFETY: as above. Other calls may be in progress: the request, a copy of a pointer, is read without a reference.
    unsafe { (&raw const (*context).request).read() }
}

extern "C" fn ready(engine: Option<&'static Engine>, why: Slice<'_>) {
    guard((), || {
        os::restore_interrupt();
        engine::answered(engine.ok_or_else(|| wire::shown(why.get()).into_owned()));
    });
}

extern "C" fn log_server(level: Level, text: Slice<'_>, origin: Origin<'_>) {
    guard((), || {
        ledger::note_failed_start(Some(ledger::EMBEDDED), process::pid(), text.get(), &origin);
        log::server(process::main_server(), level, text.get(), origin);
    });
}

extern "C" fn log_request(handle: LogHandle<'_>, level: Level, text: Slice<'_>, origin: Origin<'_>) {
    guard((), || {
        ledger::note_failed_start(Some(ledger::EMBEDDED), process::pid(), text.get(), &origin);
        log::request(request(handle), level, text.get(), origin);
    });
}

extern "C" fn logs(handle: Option<LogHandle<'_>>, level: Level) -> bool {
    guard(true, || match handle {
        Some(handle) => request(handle).logs(level),
        None => process::main_server().is_none_or(|server| server.logs(level)),
    })
}

extern "C" fn read(handle: &mut RequestHandle<'_>, into: Buffer<'_>) -> isize {
    guard(ReadError::Malformed as isize, || {
        let context = context(handle);
        context.stay.enter(Phase::Reading);
        let read = context.body.read(into.get());
        context.stay.enter(Phase::Application);
        read.map_or_else(|error| error as isize, |count| count as isize)
    })
}

extern "C" fn head(handle: &mut RequestHandle<'_>, head: &abi::Head<'_>) {
    guard((), || {
        let context = context(handle);
        let headers = head.headers.get().iter().map(|pair| pair.get());
        context.head = Some(Head::new(context.request, head.status, head.line.get(), headers));
    });
}

extern "C" fn copy(handle: &mut RequestHandle<'_>, block: Slice<'_>) {
    guard((), || {
        let context = context(handle);
        if !context.drops_body() {
            context.answer.copy(block.get());
        }
    });
}

extern "C" fn refer(handle: &mut RequestHandle<'_>, block: Lent) {
    guard((), || {
        let context = context(handle);
        if !context.drops_body() {
            debug_assert!(block.as_ref().len() > COPY_LIMIT);
            context.answer.refer(block);
        }
    });
}

extern "C" fn append_file(handle: &mut RequestHandle<'_>, file: OwnedFd, offset: i64, len: i64) -> i32 {
    guard(libc::EIO, || {
        let context = context(handle);
        if context.drops_body() {
            return 0;
        }
        let added = context.append_file(file, offset, len);
        added.map_or_else(|error| error.raw_os_error().unwrap_or(libc::EINVAL), |()| 0)
    })
}

extern "C" fn returned(handle: &mut RequestHandle<'_>, function: usize, value: Value<'_>) {
    guard((), || Returned::add(&mut context(handle).returned, function, value));
}

extern "C" fn started(took: &Took) {
    guard((), || ledger::child().iter().for_each(|child| child.starts.add(took)));
}

extern "C" fn scoreboard() -> Lent {
    let bytes = guard(None, scoreboard::read).map_or_else(Vec::new, |server| server.bytes());
    Lent::new(bytes)
}

extern "C" fn tls_variable<'a>(handle: &'a mut RequestHandle<'_>, name: Slice<'_>) -> Value<'a> {
    guard(Value::NONE, || {
        let r = context(handle).request;
        let found = r.tls_variable(r.pool().c_string(name.get()));
        found.map_or(Value::NONE, |text| Value::of(ValueKind::Text, text))
    })
}

extern "C" fn waits(handle: &mut RequestHandle<'_>, waits: bool) {
    guard((), || {
        let context = context(handle);
        if waits {
            context.stay.wait();
        } else {
            context.stay.placed();
            context.timing.begin(context.stay.waits(), ::os::monotonic());
        }
    });
}

extern "C" fn flush(handle: &mut RequestHandle<'_>) -> bool {
    // A process that the application forked does not write to the client: its parent does.
    guard(false, || {
        let context = context(handle);
        context.stay.enter(Phase::Sending);
        let sent = !os::is_copy() && context.flush();
        context.stay.enter(Phase::Application);
        sent
    })
}
