//! What the log says of an application that is down, without an attempt.

use super::app::App;
use super::deaths::Buried;
use super::record::Record;
use crate::host;
use wire::message as msg;

/// The short line on an application that is down.
pub fn say_short(app: &App, record: &Record) {
    let rest = ((record.next - os::monotonic()).max(0) as u64).div_ceil(1_000_000);
    host::message(
        msg::NOT_STARTED,
        format_args!(
            "'{}' cannot be started (id {:08x}, attempt {}): {}; next attempt in {rest} s",
            app.shown(),
            record.id,
            record.attempts,
            record.cause.summary(),
        ),
    );
}

/// Processes have died at the start of an application.
pub fn say_buried(app: &App, buried: &Buried, daemon: bool) {
    let Buried { record, pids } = buried;
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let (pids, shown, id) = (pids.join(", "), app.shown(), record.id);
    if record.is_deadly() {
        let rest = ((record.next - os::monotonic()).max(0) as u64).div_ceil(1_000_000);
        let text = format!(
            "'{shown}' is held apart: {} (pid {pids}; id {id:08x}, attempt {}); new processes \
             start without it. Next try in {rest} s, in a process that no request waits for, or when one of its files changes",
            record.cause.text, record.attempts
        );
        host::message(msg::HELD_APART, text);
    } else if !daemon {
        // Of a process of a group the supervisor has said so.
        let text = format!("process {pids} died while it started '{shown}' ({} in a row)", record.deaths);
        host::message(msg::DIED_AT_START, text);
    }
}
