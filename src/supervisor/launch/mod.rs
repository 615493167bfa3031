//! Makes a process of a group: forks, becomes the group's user, and executes its python.

mod execute;
mod fork;

use super::context::Context;
use super::events::{Source, WorkerId};
use super::output::Output;
use super::process::Process;
use super::voice::Voice;
use super::window::Show;
use crate::config::ServerExt;
use crate::groups::ProcessGroup;
use crate::questions;
use crate::startup::options;
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use wire::control::Message;
use wire::ring::Ring;
use wire::worker::{Settings, descriptor};

pub use fork::Nascent;

/// The first lines that its python runs: they load the engine.
const BOOT: &str = "import os
import faulthandler
from importlib.machinery import ExtensionFileLoader, ModuleSpec
faulthandler.enable(2)
path = '/proc/self/fd/3'
loader = ExtensionFileLoader('_mod_wsgi', path)
engine = loader.create_module(ModuleSpec('_mod_wsgi', loader, origin=path))
loader.exec_module(engine)
engine.work()
";

/// What the new process does, prepared before it is forked.
struct Plan<'a> {
    live: &'a ProcessGroup,
    /// Where each descriptor goes.
    descriptors: Vec<(RawFd, RawFd)>,
    /// What it says, which is heard when it ends, or when its python has something to say.
    ring: &'a Ring,
    executable: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    directory: Option<CString>,
    may_miss_directory: bool,
}

/// Forks a worker of a group.
pub fn launch(
    context: &Context,
    id: WorkerId,
    live: &'static ProcessGroup,
    settings: &Settings,
) -> Result<Process, String> {
    let python = live.python.as_ref().map_err(String::clone)?;
    let events = &context.events;
    let (ours, theirs) = os::one_way().map_err(failed("socketpair"))?;
    let (voice, memory) = Voice::new(events, Source::Bell(id)).map_err(failed("memfd or eventfd"))?;
    let file = os::memory(c"mod_wsgi settings", &settings.bytes()).map_err(failed("memfd"))?;
    let board = context.registries.of(live.identity.uid).map_err(failed("start registry"))?;
    let null: OwnedFd = std::fs::File::open("/dev/null").map_err(failed("/dev/null"))?.into();
    let log = context.server(live).log_descriptor().unwrap_or(2);
    let (output, written) = Output::new(log, events, Source::Output(id)).map_err(failed("pipe"))?;
    let (desk, mut name) =
        questions::for_worker(context.serial, id.serial).filter(|_| !settings.worker.template).unzip();
    let window = context.show.as_ref().filter(|_| live.group.server_metrics).map(Show::descriptor);
    let config = context.main.config();
    let mut arguments = vec![python.executable.as_os_str().as_bytes().to_vec()];
    arguments.extend(options::arguments(config));
    arguments.extend([b"-c".to_vec(), BOOT.as_bytes().to_vec()]);
    let seed = options::hash_seed(config);
    let directory = directory(live, settings);
    let plan = Plan {
        live,
        descriptors: vec![
            (null.as_raw_fd(), 0),
            (written.as_raw_fd(), 1),
            (written.as_raw_fd(), 2),
            (context.engine.as_raw_fd(), descriptor::ENGINE),
            (file.as_raw_fd(), descriptor::SETTINGS),
            (theirs.as_raw_fd(), descriptor::CONTROL),
            (live.listener, descriptor::LISTENER),
            (live.scoreboard_file, descriptor::SCOREBOARD),
            (board.as_raw_fd(), descriptor::REGISTRY),
            (context.httpd.as_raw_fd(), descriptor::HTTPD),
            (memory.as_raw_fd(), descriptor::VOICE),
            (voice.bell(), descriptor::BELL),
            (window.unwrap_or(null.as_raw_fd()), descriptor::WINDOW),
            (desk.as_ref().unwrap_or(&null).as_raw_fd(), descriptor::DESK),
        ],
        ring: voice.ring(),
        executable: c_string(python.executable.as_os_str().as_bytes())?,
        arguments: arguments.iter().map(|text| c_string(text)).collect::<Result<_, _>>()?,
        environment: environment(live, seed).iter().map(|text| c_string(text)).collect::<Result<_, _>>()?,
        may_miss_directory: live.group.home.is_none(),
        directory: directory.map(|path| c_string(&path)).transpose()?,
    };
    let pid = execute::in_a_process(|| {
        plan.say(&Message::Failed(plan.execute().into_bytes()));
        os::end(1)
    });
    let pid = pid.map_err(failed("fork"))?;
    let ended = os::process(pid).and_then(|process| events.watch(process, Source::Ended(id)));
    let ended = ended.map_err(failed("pidfd_open"))?;
    context.children.borrow_mut().insert(pid);
    name.iter_mut().for_each(|name| name.give_to(pid));
    Ok(Process::new(pid, ended, ours, voice, (Some(output), name)))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {error}")
}

fn c_string(text: &[u8]) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("'{}' contains a NUL byte", wire::shown(text)))
}

/// Where the process stands: `home=`; else the directory of its one Django project; else, if it is not Apache's own user,
/// the user's home directory.
fn directory(live: &ProcessGroup, settings: &Settings) -> Option<Vec<u8>> {
    if let Some(home) = &live.group.home {
        return Some(home.clone());
    }
    let mut projects =
        settings.plans.iter().filter(|plan| plan.preload).filter_map(|plan| plan.start.django.as_ref());
    if let (Some(django), None) = (projects.next(), projects.next()) {
        return Some(django.project.clone());
    }
    live.identity.home.clone().filter(|_| !live.is_apaches)
}

/// httpd's environment with what the options say: HOME always, the names of the user where they are there already.
fn environment(live: &ProcessGroup, seed: Option<String>) -> Vec<Vec<u8>> {
    let mut all: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let mut set = |name: &str, value: Option<&[u8]>, always: bool| {
        let Some(value) = value else { return };
        let value = OsString::from_vec(value.to_vec());
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None if always => all.push((name.into(), value)),
            None => {}
        }
    };
    let name = live.identity.name.as_deref().map(str::as_bytes);
    set("HOME", live.identity.home.as_deref(), true);
    for variable in ["USER", "USERNAME", "LOGNAME"] {
        set(variable, name, false);
    }
    set("LANG", live.group.lang.as_deref(), true);
    set("LC_ALL", live.group.locale.as_deref(), true);
    set("PYTHON_EGG_CACHE", live.group.python_eggs.as_deref(), true);
    set("PYTHONHASHSEED", seed.as_deref().map(str::as_bytes), true);
    all.into_iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()).collect()
}
