//! Warm-up requests: an application answers them before it serves, and nobody reads the answers.

use super::call::Call;
use super::environ::{Facts, now};
use super::run::run;
use crate::host;
use crate::python::{Bound, Py};
use crate::requests::{Block, Link};
use crate::runtime::{Interpreter, Log, Output, RequestLog};
use crate::startup::Script;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use wire::abi::{End, ReadError};
use wire::plan::WarmUp;
use wire::{Level, Origin};

/// A link to nobody, that notes the status.
struct Nobody(Arc<AtomicI32>);

impl Link for Nobody {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, ReadError> {
        Ok(0)
    }

    fn head(&mut self, status: i32, _: &[u8], _: &[(&[u8], &[u8])]) {
        self.0.store(status, Ordering::Relaxed);
    }

    fn copy(&mut self, _: &[u8]) {}

    fn refer(&mut self, block: Block) {
        block.done();
    }

    fn file(&mut self, _: File, _: i64, _: i64) -> std::io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> bool {
        true
    }
}

/// The process's log, for a request of its own.
struct Process;

impl Log for Process {
    fn line(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        host::log_from(level, line, origin);
    }

    fn logs(&self, level: Level) -> bool {
        host::logs(level)
    }
}

/// Runs a warm-up request; answers the status. On a loader, attached to the application's interpreter.
pub fn warm_up(
    py: Py<'_>,
    interpreter: &Arc<Interpreter>,
    script: &Script<'_>,
    module: &Bound<'_>,
    request: &WarmUp,
    log: Option<Arc<RequestLog>>,
) -> i32 {
    let status = Arc::new(AtomicI32::new(0));
    let log = log.unwrap_or_else(|| RequestLog::new(Box::new(Process)));
    let output = Output::new(script.path, log);
    let call = Call::new(interpreter.clone(), None, Box::new(Nobody(status.clone())), output.clone(), None);
    let pairs = request.environ.iter().map(|(name, value)| (&name[..], &value[..]));
    let facts = Facts {
        https: request.https,
        received: now(),
        warm_up: true,
        queued: 0.0,
        taken: 0.0,
        request_rec: None,
    };
    let outcome = Output::current_while(Some(output), || {
        let outcome = run(py, &call, script, module, pairs, &facts, false);
        call.output.flush();
        outcome
    });
    call.close();
    match outcome.end {
        End::Error => outcome.status,
        // An exception after the headers.
        End::Truncated | End::Exit | End::Elsewhere => 500,
        _ if call.close_raised.get(py) => 500,
        End::Complete | End::Short => status.load(Ordering::Relaxed),
    }
}
