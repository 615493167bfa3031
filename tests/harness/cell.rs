//! What a run of the tests is about: which module (SUBJECT), which MPM (MPM), which Python (PYTHON), and in whose
//! processes applications run (MODE).
//!
//! All of it comes from the environment, so that one test binary serves every cell; `tests/run` sets it.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The module the tests talk to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The module of this repository.
    Ours,
    /// The original mod_wsgi 6 from PyPI: a compliance test counts as right only once it passes there.
    ModWsgi,
}

/// Apache's multi-processing module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mpm {
    Event,
    Worker,
    Prefork,
}

impl Mpm {
    pub fn name(self) -> &'static str {
        match self {
            Mpm::Event => "event",
            Mpm::Worker => "worker",
            Mpm::Prefork => "prefork",
        }
    }

    /// Whether a child serves several requests at a time.
    pub fn is_threaded(self) -> bool {
        self != Mpm::Prefork
    }
}

/// Where the ordinary helpers place an application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// In Apache's children.
    Embedded,
    /// In the processes of one group, see `Httpd::group`.
    Daemon,
}

/// Which module is tested: `SUBJECT=ours` (default) or `SUBJECT=mod_wsgi`.
pub fn subject() -> Subject {
    match env::var("SUBJECT").as_deref() {
        Err(_) | Ok("" | "ours") => Subject::Ours,
        Ok("mod_wsgi") => Subject::ModWsgi,
        Ok(other) => panic!("SUBJECT={other}: must be ours or mod_wsgi"),
    }
}

/// An expectation that differs between the subjects on purpose; the reason is for whoever reads the test.
pub fn differs<T>(original: T, ours: T, _reason: &str) -> T {
    match subject() {
        Subject::ModWsgi => original,
        Subject::Ours => ours,
    }
}

/// Which MPM runs it: `MPM=event` (default), `worker` or `prefork`.
pub fn mpm() -> Mpm {
    match env::var("MPM").as_deref() {
        Err(_) | Ok("" | "event") => Mpm::Event,
        Ok("worker") => Mpm::Worker,
        Ok("prefork") => Mpm::Prefork,
        Ok(other) => panic!("MPM={other}: must be event, worker or prefork"),
    }
}

/// Where applications run: `MODE=embedded` (default) or `MODE=daemon`.
pub fn mode() -> Mode {
    match env::var("MODE").as_deref() {
        Err(_) | Ok("" | "embedded") => Mode::Embedded,
        Ok("daemon") => Mode::Daemon,
        Ok(other) => panic!("MODE={other}: must be embedded or daemon"),
    }
}

/// Processes of groups are forked of a template (`SPAWN=fork`).
pub fn spawns_by_fork() -> bool {
    match env::var("SPAWN").as_deref() {
        Err(_) | Ok("" | "exec") => false,
        Ok("fork") => true,
        Ok(other) => panic!("SPAWN={other}: must be exec or fork"),
    }
}

/// The one of two expectations that holds in the mode of this run.
pub fn by_mode<T>(embedded: T, daemon: T) -> T {
    match mode() {
        Mode::Embedded => embedded,
        Mode::Daemon => daemon,
    }
}

/// Whether a process that runs applications serves several requests at a time.
pub fn threaded() -> bool {
    by_mode(mpm().is_threaded(), true)
}

/// Whether no other test runs meanwhile (`MOD_WSGI_TESTS_ALONE=1`): only then a test may judge how fast an answer was.
pub fn alone() -> bool {
    env::var("MOD_WSGI_TESTS_ALONE").is_ok_and(|v| v == "1")
}

/// Which Python runs the applications: `PYTHON=3.11` (default), `3.12`, `3.13`.
pub fn python() -> String {
    env::var("PYTHON").ok().filter(|v| !v.is_empty()).unwrap_or_else(|| "3.11".into())
}

/// The same as numbers, for tests whose expectation depends on it.
pub fn python_version() -> (u32, u32) {
    let version = python();
    let (major, minor) = version.split_once('.').expect("PYTHON is like 3.11");
    (major.parse().expect("PYTHON major"), minor.parse().expect("PYTHON minor"))
}

/// The clone these tests live in.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is inside the repository").to_owned()
}

/// The virtual environment of the cell's Python, made by `tests/setup/pythons.sh` in one of two places.
pub fn venv() -> PathBuf {
    let version = python();
    venv_of(&version)
        .unwrap_or_else(|| panic!("no virtual environment for Python {version}: run tests/setup/pythons.sh"))
}

/// That of any Python, if it is there.
pub fn venv_of(version: &str) -> Option<PathBuf> {
    [repository().join("target/venvs"), "/var/tmp/mod_wsgi-venvs".into()]
        .into_iter()
        .map(|place| place.join(version))
        .find(|venv| venv.join(".done").exists())
}

/// Counts the running test as skipped. libtest knows no such verdict at run time, so the name goes to a file which
/// `tests/run` counts.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    eprintln!("skipped {test}: {reason}");
    if let Some(path) = env::var_os("MOD_WSGI_TESTS_SKIPPED") {
        let mut file =
            std::fs::OpenOptions::new().append(true).create(true).open(path).expect("list of skipped tests");
        file.write_all(format!("{test}: {reason}\n").as_bytes()).expect("list of skipped tests");
    }
}
