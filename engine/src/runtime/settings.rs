//! What the configuration says of every interpreter of the process.

use super::exits::ExitRule;
use crate::python::{Bound, Py, Result};
use std::path::PathBuf;
use std::time::Duration;
use wire::scripts::Rules;

/// The version of mod_wsgi whose interface applications find: they compare it to know what they may use.
const INTERFACE: [i64; 3] = [6, 1, 1];

/// A time of the configuration: never negative, and nothing a clock cannot add.
pub fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number.clamp(0.0, 1e9)).unwrap_or_default()
}

/// The settings, with names and units as in `wire::door::Settings`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Directories joined by colons.
    pub python_path: Vec<u8>,
    /// Name of the process group; empty: embedded mode.
    pub process_group: Vec<u8>,
    /// What is put first on sys.path.
    pub home: Vec<u8>,
    /// WSGIRestrictStdin
    pub restrict_stdin: bool,
    /// WSGIRestrictStdout
    pub restrict_stdout: bool,
    /// WSGIRestrictSignal
    pub restrict_signal: bool,
    /// `sys.stdout` stays what it is.
    pub keep_stdout: bool,
    /// Script paths that differ in case are different scripts.
    pub case_sensitive: bool,
    /// `wsgi.multithread`
    pub multithread: bool,
    /// `wsgi.multiprocess`
    pub multiprocess: bool,
    /// `wsgi.run_once`
    pub run_once: bool,
    /// Seconds; 0 when not set.
    pub switch_interval: f64,
    /// The process's environment before any application ran.
    pub environ: Vec<(Vec<u8>, Vec<u8>)>,
    /// (major, minor, patch) of httpd.
    pub apache_version: [i32; 3],
    /// httpd with all its module tokens.
    pub description: Vec<u8>,
    /// When httpd was built.
    pub build_date: Vec<u8>,
    /// Name of the MPM.
    pub mpm: Vec<u8>,
    /// Most processes.
    pub processes: i32,
    /// Threads of each.
    pub threads: i32,
    /// Most processes of the MPM, and threads of each.
    pub mpm_numbers: [i32; 2],
    /// This is a process of a process group: nobody but applications needs its threads.
    pub daemon: bool,
    /// A process of the group serves beside this one, which replaces it when it is ready.
    pub beside: bool,
    /// The process of the group that died last, and how.
    pub died: Option<(u32, String)>,
    /// WSGIRestrictExit
    pub restrict_exit: ExitRule,
    /// Descriptor of the start registry that the processes of the server share; none: one of this process alone.
    pub registry: Option<i32>,
    /// Permits of the startup lock; 0: off.
    pub permits: u32,
    /// How often the server's configuration was read, or any number that differs each time.
    pub generation: i64,
    /// When this process began to start Python, microseconds of the monotonic clock.
    pub begun: i64,
    /// WSGIStartupTimeout
    pub startup_timeout: Duration,
    /// WSGIStartupRequests
    pub startup_requests: u32,
    /// WSGIImportTimeout; zero: off.
    pub import_timeout: Duration,
    /// `script-user=`, `script-group=`, `script-root=`
    pub scripts: (Option<u32>, Option<u32>, Option<PathBuf>),
}

impl Settings {
    /// Which scripts may be run.
    pub fn rules(&self) -> Rules<'_> {
        let (user, group, root) = &self.scripts;
        Rules { user: *user, group: *group, root: root.as_deref() }
    }

    /// Threads that may wait for a start: the others are left for what needs no Python.
    pub fn may_wait(&self) -> usize {
        let threads = usize::try_from(self.threads).unwrap_or(1);
        if self.daemon { threads } else { threads / 2 }.max(1)
    }

    /// A group without request threads: its scripts run for as long as the process.
    pub fn is_service(&self) -> bool {
        self.daemon && self.threads == 0
    }

    /// The dict that `prepare.py` is given for an interpreter.
    pub fn config<'py>(&self, py: Py<'py>, name: &[u8]) -> Result<Bound<'py>> {
        let config = Bound::dict(py)?;
        let set = |name: &str, value: Bound<'py>| config.dict_set(&Bound::str(py, name)?, &value);
        set("main", Bound::bool(py, name.is_empty()))?;
        set("application_group", Bound::latin1(py, name)?)?;
        set("python_path", Bound::path(py, &self.python_path)?)?;
        set("process_group", Bound::latin1(py, &self.process_group)?)?;
        set("home", Bound::path(py, &self.home)?)?;
        set("daemon", Bound::bool(py, self.daemon))?;
        set("service", Bound::bool(py, self.is_service()))?;
        set("restrict_stdin", Bound::bool(py, self.restrict_stdin))?;
        set("restrict_stdout", Bound::bool(py, self.restrict_stdout))?;
        set("restrict_signal", Bound::bool(py, self.restrict_signal))?;
        set("keep_stdout", Bound::bool(py, self.keep_stdout))?;
        set("multithread", Bound::bool(py, self.multithread))?;
        set("switch_interval", Bound::float(py, self.switch_interval)?)?;
        set("version", interface(py)?)?;
        set("apache_version", self.httpd_version(py)?)?;
        set("description", Bound::latin1(py, &self.description)?)?;
        set("build_date", Bound::latin1(py, &self.build_date)?)?;
        set("mpm_name", Bound::latin1(py, &self.mpm)?)?;
        set("maximum_processes", Bound::int(py, self.processes.into())?)?;
        set("threads_per_process", Bound::int(py, self.threads.into())?)?;
        set("apache_processes", Bound::int(py, self.mpm_numbers[0].into())?)?;
        set("apache_threads", Bound::int(py, self.mpm_numbers[1].into())?)?;
        let pairs = self
            .environ
            .iter()
            .map(|(name, value)| Bound::tuple(py, &[&Bound::bytes(py, name)?, &Bound::bytes(py, value)?]));
        set("environ", Bound::list(py, pairs.collect::<Result<_>>()?)?)?;
        Ok(config)
    }

    /// (major, minor, patch) of httpd, as a tuple.
    pub fn httpd_version<'py>(&self, py: Py<'py>) -> Result<Bound<'py>> {
        version(py, self.apache_version.map(i64::from))
    }
}

/// The version of mod_wsgi whose interface applications find.
pub fn interface(py: Py<'_>) -> Result<Bound<'_>> {
    version(py, INTERFACE)
}

fn version(py: Py<'_>, numbers: [i64; 3]) -> Result<Bound<'_>> {
    let [major, minor, patch] = numbers;
    Bound::tuple(py, &[&Bound::int(py, major)?, &Bound::int(py, minor)?, &Bound::int(py, patch)?])
}
