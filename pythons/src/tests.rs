//! Searches for real pythons, and for programs that pretend to be one.

use crate::{Kind, Problem, Python, Search, User};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A directory that goes with its test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("mod_wsgi-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("bin")).unwrap();
        Self(root)
    }

    /// A home whose python is a shell script.
    fn script(name: &str, lines: &str) -> Self {
        let place = Self::new(name);
        place.python(&format!("#!/bin/sh\n{lines}\n"));
        place
    }

    fn python(&self, text: &str) -> PathBuf {
        let file = self.0.join("bin/python3");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        file
    }

    fn problem(&self) -> Problem {
        look(&self.0, Search::DEADLINE).unwrap_err()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The user of this process.
fn me() -> User {
    User { uid: os::unistd::geteuid().as_raw(), gid: os::unistd::getegid().as_raw(), name: None }
}

fn look(home: &Path, deadline: Duration) -> Result<Python, Problem> {
    Search { home: Some(home), said_by: "python-home=", user: &me(), deadline }.embeddable()
}

/// Environments that the tests of the whole module run on, by their versions; a machine may lack some.
fn environments() -> Vec<(&'static str, PathBuf)> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let places = [repository.join("target/venvs"), "/var/tmp/mod_wsgi-venvs".into()];
    let versions = ["3.11", "3.12", "3.13"].into_iter();
    versions
        .filter_map(|version| {
            let home = places.iter().map(|place| place.join(version)).find(|home| home.is_dir())?;
            Some((version, home))
        })
        .collect()
}

#[test]
fn each_supported_version_is_found_by_its_home_its_bin_and_its_file() {
    for (version, home) in environments() {
        for path in [home.clone(), home.join("bin"), home.join("bin/python3")] {
            let python = look(&path, Search::DEADLINE).unwrap();
            assert!(python.version.starts_with(version), "{python:?}");
            assert_eq!(Path::new(&python.prefix), home);
            let library = python.library.unwrap();
            assert!(library.to_str().unwrap().contains(&format!("libpython{version}")), "{library:?}");
        }
    }
}

#[test]
fn the_python_of_the_system_is_the_default() {
    let search = Search { home: None, said_by: "", user: &me(), deadline: Search::DEADLINE };
    match search.executable() {
        Ok(python) => assert_eq!((python.prefix.as_str(), python.library), ("/usr", None)),
        Err(problem) => assert!(problem.text.starts_with("no WSGIPythonHome is set"), "{problem}"),
    }
}

#[test]
fn what_is_missing_is_named() {
    let place = Place::new("missing");
    assert!(place.problem().text.contains("holds no bin/python3"), "{}", place.problem());
    let problem = look(&place.0.join("none"), Search::DEADLINE).unwrap_err();
    assert_eq!(problem.kind, Kind::Missing);
    assert!(problem.text.contains("does not exist; create it (python3 -m venv"), "{problem}");
    symlink("/nowhere/python3", place.0.join("bin/python3")).unwrap();
    let problem = place.problem();
    assert!(problem.text.contains("base Python is gone") && problem.text.contains("/nowhere"), "{problem}");
}

#[test]
fn programs_that_are_no_python_are_explained() {
    for (name, lines, kind, said) in [
        ("garbage", "echo garbage; head -c 1000 /dev/urandom", Kind::Unusable, "exit status: 0: no output"),
        ("fails", "echo 'it is broken' >&2; exit 3", Kind::Unusable, "exit status: 3: it is broken"),
        ("crashes", "kill -SEGV $$", Kind::Unusable, "signal: 11"),
        ("floods", "while :; do echo 0123456789abcdef; done", Kind::Unusable, "prints more than 64 KiB"),
        ("ancient", "echo 'Unknown option: -P' >&2; exit 2", Kind::Unsupported, "older than Python 3.11"),
        ("homeless", "echo \"No module named 'encodings'\" >&2; exit 1", Kind::Unusable, "standard library"),
        (
            "old",
            "echo mod_wsgi:implementation=cpython; echo mod_wsgi:version=3.9.2",
            Kind::Unsupported,
            "is Python 3.9.2",
        ),
        (
            "pypy",
            "echo mod_wsgi:implementation=pypy; echo mod_wsgi:version=3.11.4",
            Kind::Unsupported,
            "only CPython",
        ),
        (
            "free",
            "for f in implementation=cpython version=3.13.0 free_threaded=1; do echo mod_wsgi:$f; done",
            Kind::Unsupported,
            "free-threaded",
        ),
        (
            "static",
            "for f in implementation=cpython version=3.12.1 minor=3.12 shared=0; do echo mod_wsgi:$f; done",
            Kind::NoLibrary,
            "without a shared libpython",
        ),
        (
            "unpacked",
            "for f in implementation=cpython version=3.12.1 minor=3.12 shared=1 wanted=libpython3.12.so.1.0 \
             library=/nowhere/libpython3.12.so.1.0; do echo mod_wsgi:$f; done",
            Kind::NoLibrary,
            "no shared library libpython3.12.so.1.0",
        ),
    ] {
        let place = Place::script(name, lines);
        let problem = place.problem();
        assert_eq!(problem.kind, kind, "{name}: {problem}");
        assert!(problem.text.contains(said), "{name}: {problem}");
        assert!(problem.text.contains(';'), "{name} has a remedy: {problem}");
        assert_eq!(problem.message().to_string(), "WSGI1001");
    }
}

#[test]
fn a_python_without_library_runs_as_a_process() {
    let facts = "for f in implementation=cpython version=3.12.1 prefix=/opt; do echo mod_wsgi:$f; done";
    let place = Place::script("process", facts);
    let search = Search { home: Some(&place.0), said_by: "", user: &me(), deadline: Search::DEADLINE };
    let python = search.executable().unwrap();
    assert_eq!((python.version.as_str(), python.prefix.as_str(), &python.library), ("3.12.1", "/opt", &None));
    // Confined to the directory, it would not be there.
    let problem = python.inside(Path::new("/nowhere")).unwrap_err();
    assert_eq!(problem.kind, Kind::OutsideRoot);
    assert!(problem.text.contains("chroot=/nowhere has no "), "{problem}");
    python.inside(Path::new("/")).unwrap();
}

#[test]
fn what_cannot_be_executed_is_told_apart_from_what_is_no_program() {
    let place = Place::new("closed");
    let file = place.python("\u{7f}not a program");
    assert!(place.problem().text.contains("is not a program"), "{}", place.problem());
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let problem = place.problem();
    assert_eq!(problem.kind, Kind::Unusable);
    assert!(problem.text.contains("Permission denied") && problem.text.contains("try 'sudo -u"), "{problem}");
}

#[test]
fn one_that_hangs_is_ended_at_the_deadline_with_all_that_it_started() {
    let seconds = format!("{}.4711", 100_000 + std::process::id());
    let place =
        Place::script("hangs", &format!("sleep {seconds} & setsid sleep {seconds} & sleep {seconds}"));
    let begun = Instant::now();
    let problem = look(&place.0, Duration::from_millis(300)).unwrap_err();
    assert_eq!(problem.kind, Kind::TooSlow);
    assert!(problem.text.contains("did not answer within 0.3 s"), "{problem}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    let is_left = |line: Vec<u8>| line.windows(seconds.len()).any(|part| part == seconds.as_bytes());
    let mut processes = std::fs::read_dir("/proc").unwrap().flatten();
    let left = processes.any(|process| std::fs::read(process.path().join("cmdline")).is_ok_and(is_left));
    assert!(!left, "what it started is still running");
}

#[test]
fn a_closed_directory_is_named_with_the_command_that_opens_it() {
    let root = os::unistd::geteuid().is_root();
    let place = Place::script("private", "exit 1");
    let outer = place.0.join("inner");
    std::fs::create_dir_all(outer.join("bin")).unwrap();
    std::fs::set_permissions(&place.0, PermissionsExt::from_mode(0o700)).unwrap();
    let nobody = User { uid: 65534, gid: 65534, name: None };
    let search =
        Search { home: Some(&outer), said_by: "python-home=", user: &nobody, deadline: Search::DEADLINE };
    let problem = search.executable().unwrap_err();
    // Only root can find that out for somebody else.
    if root {
        assert_eq!(problem.kind, Kind::Unreachable);
        let place = place.0.display();
        assert!(problem.text.contains(&format!("may not enter {place} (mode 0700, owner #0)")), "{problem}");
        assert!(problem.text.contains(&format!("run 'chmod o+x {place}'")), "{problem}");
    }
}
