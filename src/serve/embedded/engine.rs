//! The engine in this process, or why there is none.

use super::signals;
use once_cell::sync::OnceCell;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use wire::abi::{Engine, VERSION};

static ANSWER: Mutex<Option<Result<&'static Engine, String>>> = Mutex::new(None);
static ANSWERED: Condvar = Condvar::new();
/// [`ANSWER`] once it is final: read by every request.
static ENGINE: OnceCell<Result<&'static Engine, Refusal>> = OnceCell::new();

/// The engine, where WSGIRestrictEmbedded lets only scripts of the server run.
static FOR_SCRIPTS: OnceCell<&'static Engine> = OnceCell::new();

/// Why there is no Python in this process.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// WSGIRestrictEmbedded is on.
    Restricted,
    /// Each connection is served in a copy of this process.
    Copies,
    /// The process was told to end before it had started.
    Stopping,
    /// The configured python cannot be used, found when the running server read its configuration again.
    Unusable(String),
    /// The engine did not start, for this reason.
    Failed(String),
}

/// The engine, or why there is none.
pub fn get() -> Result<&'static Engine, Refusal> {
    match ENGINE.get() {
        Some(answer) => answer.clone(),
        None => Err(Refusal::Failed("it has not been started".into())),
    }
}

/// The engine for scripts that the server asks, which run where applications may not (WSGIRestrictEmbedded).
pub fn for_scripts() -> Result<&'static Engine, Refusal> {
    FOR_SCRIPTS.get().map_or_else(get, |engine| Ok(*engine))
}

/// The engine's answer to our table, given on the python-main thread.
pub fn answered(answer: Result<&'static Engine, String>) {
    let answer = answer.and_then(|engine| {
        if engine.version == VERSION && engine.size as usize == size_of::<Engine>() {
            return Ok(engine);
        }
        Err(format!(
            "_mod_wsgi.abi3.so has version {} of the interface, mod_wsgi.so has {VERSION}",
            engine.version
        ))
    });
    let mut place = os::lock(&ANSWER);
    // The first answer counts: python-main reports its own end too.
    place.get_or_insert(answer);
    ANSWERED.notify_all();
}

/// Waits for the engine's answer, on the thread that has started Python.
pub fn wait_for(deadline: Duration) -> Result<&'static Engine, Refusal> {
    let begun = Instant::now();
    let mut answer = os::lock(&ANSWER);
    loop {
        if let Some(answer) = answer.take() {
            return answer.map_err(Refusal::Failed);
        }
        if begun.elapsed() > deadline {
            return Err(Refusal::Failed(format!("it did not start within {} s", deadline.as_secs())));
        }
        if signals::stop_is_pending() {
            return Err(Refusal::Stopping);
        }
        let pause = Duration::from_millis(50);
        answer = os::wait_for(&ANSWERED, answer, pause);
    }
}

/// What requests of this process find from now on. `restricted`: only scripts of the server find it.
pub fn settle(result: Result<&'static Engine, Refusal>, restricted: bool) {
    let result = match result {
        Ok(engine) if restricted => {
            let _ = FOR_SCRIPTS.set(engine);
            Err(Refusal::Restricted)
        }
        result => result,
    };
    let _ = ENGINE.set(result);
}
