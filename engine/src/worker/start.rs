//! The beginning of a worker: what the supervisor left is taken up, Python runs, and the applications are started.
#![forbid(unsafe_code)]

use super::imports::Imports;
use super::listener::Listener;
use super::memory::Memory;
use super::places::Places;
use super::process::Worker;
use super::reception::Reception;
use super::renewal::Changes;
use super::template::{Template, TemplateLog};
use super::voice::Voice;
use super::{control, desk, system};
use crate::host;
use crate::python::{self, Problem, Py};
use crate::runtime;
use crate::startup::{self, Script};
use crate::telemetry;
use crate::wsgi;
use once_cell::sync::OnceCell;
use os::Signal;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use wire::control::Message;
use wire::scoreboard::RequestRecord;
use wire::worker::{self as told, descriptor};
use wire::{Level, Stamp, message};

static WORKER: OnceCell<Worker> = OnceCell::new();

/// Where a worker comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The supervisor has executed its python.
    Executed,
    /// A template has forked it.
    Forked,
}

/// What the bootstrap of a worker calls, on the process's main thread.
pub fn work(py: Py<'_>) -> python::Result<()> {
    let failed = |why| Err(Problem::Runtime.raise(py, why));
    match told() {
        Err(why) => failed(why),
        Ok((settings, file)) if settings.worker.template => match begin_template(settings, file) {
            Err(why) => failed(why),
            Ok(template) => {
                host::set_for_now(Box::new(TemplateLog(template)));
                let ready = || template.get_ready();
                run(py, template.common(), ready).or_else(|why| template.fail(&why))
            }
        },
        Ok((settings, file)) => match begin(settings, file, Origin::Executed) {
            Err(why) => failed(why),
            Ok(worker) => {
                host::set(Box::new(control::SupervisorLog(worker)));
                let ready = || worker.get_ready(None);
                run(py, &worker.common, ready).or_else(|why| worker.fail(&why))
            }
        },
    }
}

/// Runs Python's part of the process until that ends.
fn run(py: Py<'_>, common: &wire::settings::Settings, ready: impl FnOnce() + Send) -> Result<(), String> {
    std::panic::set_hook(Box::new(|panic| host::message(message::PANIC, panic)));
    python::initialise()?;
    python::reserve_thread_numbers(common.process.threads.unsigned_abs() as usize);
    wsgi::start(py, runtime::Settings::of(common.clone()), ready)
}

/// Ends a worker that could not begin: nobody listens to it yet.
pub fn give_up(why: &str) -> ! {
    system::write_stderr(Level::Critical, why.as_bytes());
    system::end_process(1, false)
}

/// What the supervisor says of this process, and the file that it stands in.
pub fn told() -> Result<(told::Settings, OwnedFd), String> {
    let file = system::inherited(descriptor::SETTINGS);
    let bytes = os::whole(file.as_raw_fd()).map_err(|error| format!("settings: {error}"))?;
    told::Settings::parse(&bytes).map(|settings| (settings, file)).map_err(|error| error.to_string())
}

fn begin_template(settings: told::Settings, file: OwnedFd) -> Result<&'static Template, String> {
    static TEMPLATE: OnceCell<Template> = OnceCell::new();
    system::close_in_copies();
    drop(system::inherited(descriptor::ENGINE));
    let template = Template::new(settings, file)?;
    TEMPLATE.try_insert(template).map_err(|_| "the template was started twice".to_owned())
}

/// Takes what the supervisor left.
pub fn begin(settings: told::Settings, file: OwnedFd, origin: Origin) -> Result<&'static Worker, String> {
    drop(file);
    let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
    if origin == Origin::Executed {
        system::close_in_copies();
        drop(system::inherited(descriptor::ENGINE));
    } else {
        // Those that the template keeps and a worker does not.
        (descriptor::SETTINGS..descriptor::END).for_each(|fd| system::watch_descriptor(fd, false));
    }
    os::close_on_exec(descriptor::REGISTRY);
    let told::Settings { common, worker: settings, plans } = settings;
    let threads = common.process.threads.unsigned_abs();
    let board = system::scoreboard(system::inherited(descriptor::SCOREBOARD), threads)
        .map_err(|e| failed("scoreboard", e))?;
    let pid = std::process::id();
    // Not where another one has just been: a child may still look there at what that one noted.
    let first = pid as usize % board.slots.len();
    let mut places = (first..board.slots.len()).chain(0..first);
    let place = places
        .find(|at| board.slots[*at].take(pid, runtime::clock()))
        .ok_or("the scoreboard of the group has no free slot")?;
    board.records(place).iter().take(threads as usize).for_each(RequestRecord::clear);
    board.gils[place].clear();
    // No earlier worker of the place had it: its connections must not be taken for ours.
    let generation = (runtime::clock() as u32) | 1;
    system::set_title(&settings.title);
    system::set_locale(&settings.locale);
    // Those of a service are Python's.
    let signals: &[Signal] = if common.process.is_service() { &[] } else { &control::SIGNALS };
    let reception = Reception {
        name: wire::shown(&common.process.process_group).into_owned(),
        socket: system::inherited(descriptor::LISTENER),
        listener: Listener::new().map_err(|e| failed("epoll", e))?,
        wake: os::Event::new().map_err(|e| failed("eventfd", e))?,
        places: Places::default(),
        home: AtomicBool::new(false),
        board,
        place,
        slot: &board.slots[place],
        generation,
        token: settings.token[..].try_into().map_err(|_| "the token has the wrong length")?,
        threads,
        peer: settings.peer,
        buffers: (settings.send_buffer, settings.receive_buffer),
    };
    let worker = Worker {
        reception,
        meters: (0..threads).map(|_| OnceLock::new()).collect(),
        control: system::inherited(descriptor::CONTROL),
        voice: Voice::take(false).map_err(|e| failed("the memory of its messages", e))?,
        httpd: system::inherited(descriptor::HTTPD),
        window: system::inherited(descriptor::WINDOW).into(),
        signals: system::catch_signals(signals).map_err(|e| failed("signals", e))?,
        desk: desk::take(),
        changes: Changes::default(),
        imports: Imports::default(),
        memory: Memory::new(settings.rss_limit, threads),
        serving: AtomicBool::new(false),
        orphan: AtomicBool::new(false),
        worn_out: AtomicBool::new(false),
        failed: AtomicU32::new(0),
        activity: AtomicI64::new(0),
        watched: AtomicU64::new(u64::MAX),
        common,
        settings,
        plans,
    };
    let ours: [&dyn AsRawFd; 7] = [
        &worker.control,
        worker.voice.bell(),
        &worker.reception.socket,
        &worker.httpd,
        &worker.window,
        &worker.signals,
        &worker.reception.wake,
    ];
    ours.iter().for_each(|fd| system::watch_descriptor(fd.as_raw_fd(), true));
    system::watch_descriptor(descriptor::REGISTRY, true);
    system::watch_descriptor(worker.reception.listener.descriptor(), true);
    WORKER.set(worker).map_err(|_| "the worker was started twice".to_owned())?;
    WORKER.get().ok_or_else(|| "the worker was not started".to_owned())
}

impl Worker {
    /// Python runs: starts the applications, unless that was done in its template, where so many have `failed`; and the thread
    /// that rules.
    pub fn get_ready(&'static self, failed: Option<u32>) {
        telemetry::start();
        if self.common.process.is_service() {
            return self.become_service();
        }
        let ruler = std::thread::Builder::new().name("wsgi-control".into()).spawn(|| self.rule());
        let starter = std::thread::Builder::new().name("wsgi-start".into()).spawn(move || {
            let failed = failed.unwrap_or_else(|| self.start_applications());
            self.failed.store(failed, Ordering::SeqCst);
            self.weigh_applications();
            if self.settings.reload == 2 {
                self.watch_imports(failed > 0);
            }
            self.tell(&Message::Ready { failed });
            runtime::thread_exit();
        });
        if let Err(error) = ruler.and(starter) {
            self.fail(&format!("no thread can be started: {error}"));
        }
    }

    /// Starts those that start with the process; answers how many failed.
    pub(super) fn start_applications(&self) -> u32 {
        start_applications(&self.plans)
    }
}

/// Starts those that start with the process, in the order of the configuration; answers how many failed.
pub fn start_applications(plans: &[told::Plan]) -> u32 {
    let scripts = plans.iter().filter(|plan| plan.preload).map(|plan| {
        let script = Script {
            path: &plan.script,
            resource: &plan.script,
            group: &plan.group,
            named_by_client: false,
            callable: &plan.callable,
            stamp: Stamp::UNKNOWN,
            reload: false,
        };
        (script, plan)
    });
    // All are known before the first one starts: none may end a process that others are still to start in.
    for (script, plan) in scripts.clone() {
        startup::application(&script, || plan.start.clone());
    }
    let mut failed = 0;
    for (script, plan) in scripts {
        failed += u32::from(!startup::preload(&script, || plan.start.clone()));
    }
    failed
}
