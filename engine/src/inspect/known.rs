//! What is known without the GIL: the requests, and the threads as the system sees them.

use crate::requests::{ActiveRequest, Named};
use crate::runtime;
use wire::json::Value::{self, List, Number, Object, Seconds, Text};

/// What process this is.
pub fn process() -> Vec<(&'static str, Value)> {
    let group =
        runtime::get().map(|runtime| runtime.settings.process.process_group.clone()).unwrap_or_default();
    vec![("pid", Number(std::process::id().into())), ("group", text(&group))]
}

/// The requests that it has, the oldest first.
pub fn requests() -> Value {
    let mut running = ActiveRequest::running();
    running.sort_by_key(|request| request.begun());
    let none = Named::default();
    let value = |request: &ActiveRequest| {
        let named = request.named().unwrap_or(&none);
        Object(vec![
            ("id", text(named.id())),
            ("method", text(named.method())),
            ("uri", text(named.path())),
            ("age", Seconds(request.age().as_secs_f64())),
            ("script", text(request.script())),
            ("interpreter", text(request.interpreter.name())),
            ("thread", Number(request.native_thread())),
        ])
    };
    List(running.iter().map(|request| value(request)).collect())
}

/// Its threads.
pub fn threads() -> Value {
    let value = |task: os::Task| {
        Object(vec![
            ("thread", Number(task.number)),
            ("name", Text(task.name)),
            ("state", Text(task.state.into())),
            ("waits_in", Text(task.waits_in)),
            ("cpu_seconds", Seconds(task.computed as f64 / 1e6)),
        ])
    };
    List(os::tasks().into_iter().map(value).collect())
}

pub fn text(bytes: &[u8]) -> Value {
    Text(wire::shown(bytes).into_owned())
}
