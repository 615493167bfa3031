//! The beginning of a worker: what the supervisor left is taken up, Python runs, and the applications are started.
#![forbid(unsafe_code)]

use super::imports::Imports;
use super::listener::Listener;
use super::memory::Memory;
use super::process::Worker;
use super::reception::Reception;
use super::renewal::Changes;
use super::voice::Voice;
use super::{control, system};
use crate::host;
use crate::python::{self, Problem, Py};
use crate::runtime;
use crate::startup::{self, Script};
use crate::wsgi;
use once_cell::sync::OnceCell;
use os::Signal;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use wire::control::Message;
use wire::scoreboard::RequestRecord;
use wire::worker::{self as told, descriptor};
use wire::{Stamp, message};

static WORKER: OnceCell<Worker> = OnceCell::new();

/// What the bootstrap of a worker calls, on the process's main thread.
pub fn work(py: Py<'_>) -> python::Result<()> {
    let worker = match begin() {
        Ok(worker) => worker,
        Err(why) => return Err(Problem::Runtime.raise(py, why)),
    };
    host::set(Box::new(control::SupervisorLog(worker)));
    std::panic::set_hook(Box::new(|panic| host::message(message::PANIC, panic)));
    let result = python::initialise().and_then(|()| {
        python::reserve_thread_numbers(worker.threads() as usize);
        let settings = runtime::Settings::of(worker.common.clone());
        wsgi::start(py, settings, || worker.get_ready())
    });
    match result {
        Ok(()) => Ok(()),
        Err(why) => worker.fail(&why),
    }
}

/// Takes what the supervisor left.
fn begin() -> Result<&'static Worker, String> {
    let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
    system::close_in_copies();
    drop(system::inherited(descriptor::ENGINE));
    os::close_on_exec(descriptor::REGISTRY);
    let bytes =
        os::whole(system::inherited(descriptor::SETTINGS).as_raw_fd()).map_err(|e| failed("settings", e))?;
    let told::Settings { common, worker: settings, plans } =
        told::Settings::parse(&bytes).map_err(|e| e.to_string())?;
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
        control: system::inherited(descriptor::CONTROL),
        voice: Voice::take().map_err(|e| failed("the memory of its messages", e))?,
        httpd: system::inherited(descriptor::HTTPD),
        window: system::inherited(descriptor::WINDOW).into(),
        signals: system::catch_signals(signals).map_err(|e| failed("signals", e))?,
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
    /// Python runs: starts the applications, and the thread that rules.
    fn get_ready(&'static self) {
        if self.common.process.is_service() {
            return self.become_service();
        }
        let ruler = std::thread::Builder::new().name("wsgi-control".into()).spawn(|| self.rule());
        let starter = std::thread::Builder::new().name("wsgi-start".into()).spawn(|| {
            let failed = self.start_applications();
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

    /// Starts those that start with the process, in the order of the configuration; answers how many failed.
    pub(super) fn start_applications(&self) -> u32 {
        let scripts = self.plans.iter().filter(|plan| plan.preload).map(|plan| {
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
}
