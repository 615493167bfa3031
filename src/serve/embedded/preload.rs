//! The start of applications before a child takes requests.

use super::{engine, os};
use crate::apache::{Pool, Server, log};
use crate::process;
use crate::startup::plan;
use crate::startup::preload::{self, Candidate};
use std::time::{Duration, Instant};
use wire::abi::Target;
use wire::{Slice, Stamp, message};

/// How many applications WSGIPreload Auto starts, and how long it goes on.
const BUDGET: (usize, Duration) = (8, Duration::from_secs(10));

/// Starts them in the order of the configuration, before the child takes requests, but not once it is told to end.
pub fn run(pool: Pool<'static>, main: Server<'static>) {
    plan::prepare(pool, main);
    let mut candidates = preload::candidates(pool, main);
    candidates.retain(|candidate| candidate.process_group.is_empty());
    if candidates.is_empty() {
        return;
    }
    os::while_no_stop_is_pending(move || {
        let begun = Instant::now();
        let (mut started, mut left) = (0, Vec::new());
        for candidate in candidates {
            if !candidate.wanted && (started >= BUDGET.0 || begun.elapsed() >= BUDGET.1) {
                left.push(wire::shown(candidate.script).into_owned());
                continue;
            }
            started += usize::from(!candidate.wanted);
            start_one(&candidate);
        }
        if !left.is_empty() {
            let text = format!(
                "WSGIPreload Auto has started {started} applications in {:.1} s; these start with their first request: {}",
                begun.elapsed().as_secs_f64(),
                left.join(", ")
            );
            log::server_message(process::main_server(), message::PRELOAD_BUDGET, text);
        }
    });
}

fn start_one(candidate: &Candidate) {
    let target = Target {
        script: Slice::of(candidate.script),
        application_group: Slice::of(&candidate.group),
        named_by_client: false,
        callable: Slice::of(&candidate.callable),
        stamp: Stamp::UNKNOWN,
        reload: false,
        plan: Slice::of(candidate.plan),
    };
    if let Ok(engine) = engine::get() {
        (engine.preload)(&target);
    }
}
