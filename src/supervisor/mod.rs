//! The supervisor: a process of its own, one for each configuration, that starts the processes of the groups, replaces
//! them one after another, and knows their fate. It runs no user code, and reacts at once: it sleeps on descriptors
//! (`events.rs`). What is decided about a group is decided without I/O (`state/`), and done by `group/`.
//!
//! It is a copy of httpd's parent, with that one's rights, so it never acts upon what processes of groups could have
//! written other than by their messages, and these may only ask for what costs nobody else anything.
#![deny(unsafe_code)]

mod context;
mod death;
mod events;
mod group;
mod launch;
mod output;
mod process;
mod registries;
mod session;
mod settings;
mod state;
mod voice;
mod window;
mod work;

use crate::apache::{Server, log, mpm};
use crate::groups;
use context::Context;
use events::{Events, Source};
use group::Group;
use registries::Registries;
use session::Sessions;
use std::cell::{Cell, RefCell};
use std::os::fd::{OwnedFd, RawFd};
use std::time::Duration;
use window::Show;
use wire::message as msg;
use work::Supervisor;

/// What the process does that `start` has forked.
pub fn run(
    main: Server<'static>,
    serial: u64,
    channel: OwnedFd,
    predecessors: Vec<RawFd>,
    paths: Vec<Vec<u8>>,
) -> ! {
    let httpd_pid = os::parent();
    os::become_supervisor();
    mpm::close_listeners();
    crate::startup::registry::leave();
    crate::ledger::enter();
    let begun = || -> Result<Supervisor, String> {
        let events = Events::new().map_err(|e| format!("epoll: {e}"))?;
        let httpd = os::process(httpd_pid).and_then(|httpd| events.watch(httpd, Source::Httpd));
        let httpd = httpd.map_err(|e| format!("httpd's parent: {e}"))?;
        let channel = events
            .watch(channel, Source::Channel)
            .map_err(|e| format!("the channel to httpd's parent: {e}"))?;
        let file = crate::process::engine_file();
        let engine = std::fs::File::open(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let is_shown = groups::all().iter().any(|live| live.group.server_metrics);
        let show =
            is_shown.then(Show::new).transpose().map_err(|e| format!("memory for server-metrics=: {e}"))?;
        let context = Context {
            main,
            serial,
            engine: engine.into(),
            httpd,
            events,
            workers: Cell::new(0),
            predecessors,
            registries: Registries::default(),
            sessions: Sessions::default(),
            show,
            children: RefCell::default(),
        };
        crate::process::remember(main);
        let plans = settings::plans(main);
        let groups = groups::all().into_iter().map(|live| Group::new(live, &plans)).collect();
        Ok(Supervisor::new(context, channel, groups, paths))
    };
    match begun() {
        Ok(mut supervisor) => supervisor.work(),
        Err(why) => {
            let text = format!("the supervisor of the process groups cannot run: {why}");
            log::server_message(Some(main), msg::PROCESS_SETUP, text);
            // httpd starts another one at once, which would fail as well.
            std::thread::sleep(Duration::from_secs(5));
            os::end(1)
        }
    }
}
