//! A template (`spawn=fork`): it starts the applications as a worker does, and never serves. Workers are forked of it, on
//! python-main, when no other thread is left: those that the engine needs while applications are loaded have ended by then,
//! and each worker starts its own. Where the application has left something that a fork would break, it says so, and waits for
//! its end ([`_template.py`](../../python/mod_wsgi/_template.py)).
#![forbid(unsafe_code)]

use super::control::{self, FOR_EVER};
use super::imports;
use super::start::{self, Origin};
use super::system;
use super::voice::Voice;
use super::watch::Watch;
use crate::host::{self, Host};
use crate::metrics;
use crate::python::{self, Bound, Forked};
use crate::runtime::loader::{PYTHON_MAIN, Task};
use crate::runtime::{self, Runtime, alarm};
use crate::startup;
use crate::watchdog;
use os::lock;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread::{Builder, JoinHandle};
use wire::control::{LONGEST, Message, Reason};
use wire::worker::{self as told, descriptor};
use wire::{Level, message as msg};

/// The state of this process, as long as it is a template.
pub struct Template {
    settings: told::Settings,
    /// It keeps its number: what a worker gets must not have that by chance.
    _file: OwnedFd,
    control: OwnedFd,
    voice: Voice,
    httpd: OwnedFd,
    signals: os::Event,
    /// The applications are loaded: who has listened meanwhile ends.
    loaded: os::Event,
    /// Files of the applications (`reload=imports`): one that changes while no process is there is noticed here.
    files: OnceLock<Mutex<imports::Inner>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Applications that failed to start.
    failed: AtomicU32,
}

/// What a template has heard.
enum Heard {
    /// The applications are loaded.
    Loaded,
    /// A worker is wanted, with these descriptors of its own.
    Fork(u64, Vec<OwnedFd>),
}

/// Its log goes to the supervisor.
pub struct TemplateLog(pub &'static Template);

impl Host for TemplateLog {
    fn log(&self, level: Level, line: &[u8], origin: wire::Origin<'_>) {
        control::log_to(&self.0.voice, level, line, origin);
    }

    fn logs(&self, level: Level) -> bool {
        level as i32 as u8 <= self.0.settings.worker.level
    }

    fn place(&self) -> String {
        format!("of the template of daemon process '{}'", self.0.name())
    }

    fn starts(&self, script: Option<&[u8]>) {
        self.0.tell(&Message::Starts(script.unwrap_or_default().to_vec()));
    }

    fn ends(&self, text: &str) {
        self.0.tell(&Message::Ends(text.as_bytes().to_vec()));
    }
}

impl Template {
    /// Takes what the supervisor left for it.
    pub fn new(settings: told::Settings, file: OwnedFd) -> Result<Self, String> {
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        system::set_title(&title(&settings.worker.title));
        system::set_locale(&settings.worker.locale);
        let template = Self {
            settings,
            _file: file,
            control: system::inherited(descriptor::CONTROL),
            voice: Voice::take(true).map_err(|e| failed("the memory of its messages", e))?,
            httpd: system::inherited(descriptor::HTTPD),
            signals: system::catch_signals(&control::SIGNALS).map_err(|e| failed("signals", e))?,
            loaded: os::Event::new().map_err(|e| failed("eventfd", e))?,
            files: OnceLock::new(),
            threads: Mutex::default(),
            failed: AtomicU32::new(0),
        };
        for number in descriptor::SETTINGS..descriptor::END {
            // Those of its workers, too.
            os::close_on_exec(number);
            system::watch_descriptor(number, true);
        }
        Ok(template)
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        wire::shown(&self.settings.common.process.process_group)
    }

    fn tell(&self, message: &Message) -> bool {
        self.voice.say(&message.bytes(), true)
    }

    /// Ends the process, which cannot be a template, and tells the supervisor why.
    pub fn fail(&self, why: &str) -> ! {
        self.tell(&Message::Failed(why.as_bytes().to_vec()));
        system::end_process(1, false)
    }

    /// Settings of processes of either mode.
    pub fn common(&self) -> &wire::settings::Settings {
        &self.settings.common
    }

    /// Python runs: starts the applications.
    pub fn get_ready(&'static self) {
        let Some(runtime) = runtime::get() else { return };
        runtime.interpreters.main().visit(|py| {
            let watched = runtime.interpreters.main().ask(py, c"watch_threads", &[]);
            watched.map(drop).unwrap_or_else(|raised| raised.print(py));
        });
        let listener = Builder::new().name("wsgi-control".into()).spawn(move || {
            self.listen(true);
        });
        let starter = Builder::new().name("wsgi-start".into()).spawn(move || {
            let failed = start::start_applications(&self.settings.plans);
            self.failed.store(failed, Ordering::SeqCst);
            if self.settings.worker.reload == 2 {
                self.watch_files(failed > 0);
            }
            runtime::thread_exit();
            runtime.loader.send(Task::Do(Box::new(move |(loader, _)| self.work(runtime, loader))));
        });
        match (listener, starter) {
            (Ok(listener), Ok(starter)) => lock(&self.threads).extend([listener, starter]),
            (Err(error), _) | (_, Err(error)) => self.fail(&format!("no thread can be started: {error}")),
        }
    }

    /// Watches what has been imported. With `for_others`, those that serve are to watch it, too: it has failed here.
    fn watch_files(&self, for_others: bool) {
        let files = startup::own_files();
        if for_others {
            for part in imports::messages(&files) {
                self.tell(&Message::Watch(part));
            }
        }
        match Watch::new() {
            Ok(watch) => {
                let _ = self.files.set(Mutex::new(imports::Inner::new(watch)));
                self.watch(files.iter().map(Path::new));
            }
            Err(error) => files
                .first()
                .iter()
                .for_each(|file| imports::cannot_watch(&self.name(), Path::new(file), &error)),
        }
    }

    fn watch<'a>(&self, files: impl Iterator<Item = &'a Path>) {
        let Some(inner) = self.files.get() else { return };
        if let Some((file, error)) = lock(inner).add_all(files) {
            imports::cannot_watch(&self.name(), file, &error);
        }
    }

    /// What tells that one of them has changed.
    fn watcher(&self) -> Option<RawFd> {
        self.files.get().map(|inner| lock(inner).as_fd().as_raw_fd())
    }

    /// On python-main, which is alone in the end: forks a worker whenever one is wanted. It returns in the worker.
    fn work(&'static self, runtime: &'static Runtime, loader: u64) {
        self.loaded.wake();
        std::mem::take(&mut *lock(&self.threads)).into_iter().for_each(|thread| drop(thread.join()));
        watchdog::stop();
        let why = match loader {
            PYTHON_MAIN => self.obstacle(runtime),
            _ => Some("an application has not ended its start on the main thread".into()),
        };
        match why {
            Some(why) => self.tell(&Message::Unforkable(why.into_bytes())),
            None => self.tell(&Message::Ready { failed: self.failed.load(Ordering::SeqCst) }),
        };
        while let Heard::Fork(serial, files) = self.listen(false) {
            let mut begun = None;
            match self.fork(runtime, files, &mut begun) {
                Ok(Forked::Original(pid)) => {
                    self.tell(&Message::Forked { serial, pid });
                }
                Ok(Forked::Copy) => return self.become_worker(runtime, begun),
                Err(error) => {
                    self.tell(&Message::Forked { serial, pid: 0 });
                    self.tell(&Message::Unforkable(
                        format!("its template cannot fork: {error}").into_bytes(),
                    ));
                }
            }
        }
    }

    /// Why it must not be forked. What stays is left alone by the garbage collector from now on.
    fn obstacle(&self, runtime: &'static Runtime) -> Option<String> {
        let main = runtime.interpreters.main();
        main.attach(|py| {
            let ask = || -> python::Result<Option<String>> {
                let numbers = (descriptor::SETTINGS..descriptor::END).chain([self.loaded.descriptor()]);
                let numbers = numbers.chain(self.watcher());
                let numbers = numbers.map(|number| Bound::int(py, number.into()));
                let ours = Bound::list(py, numbers.collect::<python::Result<_>>()?)?;
                let registry = Bound::int(py, descriptor::REGISTRY.into())?;
                let why = main.ask(py, c"obstacle", &[&ours, &registry])?;
                if why.is_none() {
                    main.ask(py, c"freeze", &[])?;
                    return Ok(None);
                }
                why.text().map(Some)
            };
            ask().unwrap_or_else(|raised| {
                raised.print(py);
                Some("its template cannot be looked at (traceback above)".into())
            })
        })
    }

    fn fork(
        &'static self,
        runtime: &'static Runtime,
        files: Vec<OwnedFd>,
        begun: &mut Option<&'static super::process::Worker>,
    ) -> std::io::Result<Forked> {
        if files.len() != descriptor::FORKED.len() {
            return Err(std::io::Error::other("descriptors are missing"));
        }
        runtime.interpreters.main().attach(|py| {
            python::fork(py, || {
                os::lead_session();
                if let Err(error) = system::put_in_place(files).and_then(|()| alarm::renew()) {
                    start::give_up(&format!("descriptors: {error}"));
                }
                // From here on the log is its own.
                let events = [&self.signals, &self.loaded].into_iter().map(os::Event::descriptor);
                events.chain(self.watcher()).for_each(os::close);
                match start::told().and_then(|(settings, file)| start::begin(settings, file, Origin::Forked))
                {
                    Ok(worker) => *begun = Some(worker),
                    Err(why) => start::give_up(&why),
                }
            })
        })
    }

    /// This is a worker now.
    fn become_worker(&self, runtime: &'static Runtime, begun: Option<&'static super::process::Worker>) {
        let Some(worker) = begun else { start::give_up("it was not begun") };
        host::set(Box::new(control::SupervisorLog(worker)));
        metrics::begin_anew();
        runtime.interpreters.main().attach(|py| {
            let renewed = runtime.interpreters.main().ask(py, c"renew", &[]);
            renewed.map(drop).unwrap_or_else(|raised| raised.print(py));
        });
        if let Err(why) = watchdog::start() {
            worker.fail(&why);
        }
        worker.get_ready(Some(self.failed.load(Ordering::SeqCst)));
    }

    /// Sees to everything but workers, until there is one to fork; `loading`: until the applications are loaded. Ends the process.
    fn listen(&self, loading: bool) -> Heard {
        loop {
            let files = self.files.get().filter(|_| !loading).map(|files| lock(files));
            let fds = [
                Some(self.control.as_fd()),
                Some(self.signals.as_fd()),
                Some(self.httpd.as_fd()),
                loading.then(|| self.loaded.as_fd()),
                files.as_ref().map(|files| files.as_fd()),
            ];
            let [told, signalled, httpd_ended, loaded, changed] = os::poll_these(fds, FOR_EVER);
            let changed = files.filter(|_| changed).and_then(|mut files| files.changed());
            if httpd_ended {
                self.end();
            }
            if signalled {
                self.signals.silence();
                for signal in control::SIGNALS.into_iter().filter(|signal| os::has_come(*signal)) {
                    let (reason, text) = control::meaning(signal, false);
                    self.tell(&Message::Replace { reason, text: text.as_bytes().to_vec() });
                }
            }
            if loaded {
                return Heard::Loaded;
            }
            if let Some(file) = changed {
                let text = imports::has_changed(&file).into_bytes();
                self.tell(&Message::Replace { reason: Reason::Imports, text });
            }
            if told && let Some((serial, files)) = self.hear() {
                return Heard::Fork(serial, files);
            }
        }
    }

    /// A message of the supervisor's.
    fn hear(&self) -> Option<(u64, Vec<OwnedFd>)> {
        let (mut bytes, mut files) = (vec![0; LONGEST], Vec::new());
        let count = os::receive_files(self.control.as_raw_fd(), &mut bytes, &mut files, true);
        let Ok(count @ 1..) = count else { self.end() };
        match Message::parse(&bytes[..count]) {
            Ok(Message::Fork { serial }) => Some((serial, files)),
            Ok(Message::Drain { .. }) => self.end(),
            Ok(Message::Watch(files)) => {
                self.watch(imports::names(&files));
                None
            }
            _ => None,
        }
    }

    /// Exit functions are for processes that have served.
    fn end(&self) -> ! {
        startup::leave();
        let text = format!("template {} of group '{}' ends", std::process::id(), self.name());
        host::message(msg::WORKER_ENDS, text);
        system::end_process(0, false)
    }
}

/// What `ps` shows of it.
fn title(of_group: &[u8]) -> Vec<u8> {
    if of_group.is_empty() { Vec::new() } else { [of_group, b" template"].concat() }
}
