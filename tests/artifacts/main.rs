//! The two files of the module keep apart what their names promise: the Apache half knows no Python, the Python half no
//! Apache. Read from their dynamic sections, so that a careless dependency is found when it is built.

mod layers;
mod monitoring;
mod packages;

use std::path::PathBuf;

use harness::{Subject, repository, subject};
use object::elf::{DT_NEEDED, FileHeader64};
use object::read::elf::{Dyn, FileHeader};
use object::{Endianness, Object, ObjectSymbol};

/// What a shared library says to the dynamic linker.
struct Library {
    defined: Vec<String>,
    undefined: Vec<String>,
    needed: Vec<String>,
}

fn library(name: &str) -> Option<Library> {
    if subject() != Subject::Ours {
        harness::skip("about the files of our module");
        return None;
    }
    let dir =
        std::env::var_os("MOD_WSGI_DIR").map_or_else(|| repository().join("target/module"), PathBuf::from);
    let path = dir.join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let (undefined, defined): (Vec<_>, Vec<_>) = file.dynamic_symbols().partition(|s| s.is_undefined());
    let names = |symbols: Vec<object::Symbol<'_, '_>>| {
        symbols.iter().filter_map(|s| s.name().ok()).map(str::to_owned).collect()
    };
    Some(Library { defined: names(defined), undefined: names(undefined), needed: needed(&bytes) })
}

/// The libraries it cannot be loaded without.
fn needed(bytes: &[u8]) -> Vec<String> {
    let header = FileHeader64::<Endianness>::parse(bytes).expect("a 64-bit ELF file");
    let endian = header.endian().expect("endianness");
    let sections = header.sections(endian, bytes).expect("sections");
    let (entries, link) =
        sections.dynamic(endian, bytes).expect("dynamic section").expect("a dynamic section");
    let strings = sections.strings(endian, bytes, link).expect("strings");
    let names =
        entries.iter().filter(|e| e.tag32(endian) == Some(DT_NEEDED)).map(|e| e.string(endian, strings));
    names.map(|name| String::from_utf8_lossy(name.expect("name")).into_owned()).collect()
}

fn starting_with<'a>(names: &'a [String], prefixes: &[&str]) -> Vec<&'a String> {
    names.iter().filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect()
}

const PYTHON: &[&str] = &["Py", "_Py"];
const APACHE: &[&str] = &["ap_", "apr_"];

#[test]
fn apache_half_knows_no_python() {
    let Some(library) = library("mod_wsgi.so") else { return };
    assert_eq!(starting_with(&library.undefined, PYTHON), [""; 0], "undefined");
    assert_eq!(starting_with(&library.defined, PYTHON), [""; 0], "defined");
    assert_eq!(starting_with(&library.needed, &["libpython"]), [""; 0], "needed");
    assert!(library.defined.iter().any(|name| name == "wsgi_module"), "does not export wsgi_module");
    assert!(!starting_with(&library.undefined, APACHE).is_empty(), "reads the wrong symbols");
}

#[test]
fn python_half_knows_no_apache() {
    let Some(library) = library("_mod_wsgi.abi3.so") else { return };
    assert_eq!(starting_with(&library.undefined, APACHE), [""; 0], "undefined");
    assert_eq!(starting_with(&library.defined, APACHE), [""; 0], "defined");
    assert_eq!(
        starting_with(&library.needed, &["libpython", "libapr"]),
        [""; 0],
        "needed: it runs in any python"
    );
    assert!(
        library.defined.iter().any(|name| name == "PyInit__mod_wsgi"),
        "does not export PyInit__mod_wsgi"
    );
    assert!(!starting_with(&library.undefined, PYTHON).is_empty(), "reads the wrong symbols");
}

/// The floors of the engine, the ground floor first.
const ENGINE: &[&[&str]] = &[
    &["python"],
    &["host.rs", "admission"],
    &["metrics"],
    &["runtime"],
    &["requests"],
    &["startup"],
    &["watchdog"],
    &["telemetry", "inspect"],
    &["wsgi"],
    &["embedded", "worker"],
];

#[test]
fn in_the_engine_every_import_points_down() {
    assert_eq!(layers::complaints(&repository().join("engine/src"), ENGINE), [""; 0]);
}

/// Floors of the Apache half, the ground floor first: whatever stands higher may import what is below.
const MODULE: &[&[&str]] = &[
    &["apache"],
    &["config"],
    &["process", "python"],
    &["ledger", "questions"],
    &["logs"],
    &["routing"],
    &["startup"],
    &["groups"],
    &["check", "supervisor", "serve/context"],
    &["serve/daemon", "serve/embedded"],
    &["auth", "status"],
    &["serve", "parent.rs"],
    &["module.rs", "reference.rs"],
];

#[test]
fn imports_of_the_apache_half_point_down() {
    assert_eq!(layers::complaints(&repository().join("src"), MODULE), [""; 0]);
}

/// The floors of what finds a python.
const PYTHONS: &[&[&str]] = &[
    &["problem.rs", "system.rs", "user.rs"],
    &["keeper.rs"],
    &["apart.rs"],
    &["access.rs"],
    &["home.rs", "probe.rs"],
    &["find.rs"],
];

#[test]
fn imports_of_what_finds_a_python_point_down() {
    assert_eq!(layers::complaints(&repository().join("pythons/src"), PYTHONS), [""; 0]);
}

/// The floors of the command.
const COMMAND: &[&[&str]] = &[
    &["failure.rs", "args.rs", "reach.rs"],
    &["text.rs", "usage.rs"],
    &["app.rs", "identity.rs"],
    &["httpd.rs"],
    &["site.rs"],
    &["config", "environment.rs", "paste.rs", "root.rs"],
    &["prepare.rs"],
    &["doctor", "install.rs", "live", "old", "pages.rs", "serve.rs"],
    &["main.rs"],
];

#[test]
fn imports_of_the_command_point_down() {
    assert_eq!(layers::complaints(&repository().join("cli/src"), COMMAND), [""; 0]);
}

/// The files that may hold `unsafe`. The others are safe Rust: what they need of C they get from these.
const UNSAFE: [&str; 13] = [
    "engine/src/embedded/abi.rs",
    "engine/src/lib.rs",
    "engine/src/python/",
    "engine/src/runtime/forks.rs",
    "engine/src/worker/system.rs",
    "os/src/",
    "src/apache/",
    "src/config/entries.rs",
    "src/groups/mod.rs",
    "src/module.rs",
    "src/parent.rs",
    "src/process/",
    "src/serve/context/maps.rs",
];

#[test]
fn unsafe_stands_in_few_files() {
    // Single functions of these, beside a lint that forbids it elsewhere in the file.
    let also = [
        "src/serve/embedded/",
        "src/supervisor/launch/execute.rs",
        "wire/src/abi.rs",
        "wire/src/lent.rs",
        "wire/src/lib.rs",
        "wire/src/scoreboard/",
        "wire/src/slice.rs",
    ];
    let mut found = Vec::new();
    for root in ["cli/src", "engine/src", "os/src", "pythons/src", "src", "wire/src"] {
        layers::with_unsafe(&repository().join(root), root, &mut found);
    }
    found.retain(|file| !UNSAFE.iter().chain(&also).any(|allowed| file.starts_with(allowed)));
    assert_eq!(found, [""; 0], "unsafe code stands in a file that is not listed");
}

/// The folder whose files decide and do nothing, and what they must not name: the system, the log and the clock.
const PURE: &str = "src/supervisor/state";
const OUTSIDE: [&str; 9] =
    ["os ::", "libc ::", "log ::", "fs ::", "io ::", "fd ::", "thread ::", "Instant :: now", "SystemTime"];

#[test]
fn decisions_about_groups_are_made_without_io() {
    let mut read = 0;
    for entry in std::fs::read_dir(repository().join(PURE)).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            read += 1;
            let code = format!(" {}", layers::code(&std::fs::read_to_string(&path).expect("a source")));
            let found: Vec<_> = OUTSIDE.iter().filter(|word| code.contains(&format!(" {word}"))).collect();
            assert_eq!(found, [&""; 0], "{}", path.display());
        }
    }
    assert!(read > 5, "{read} files");
}
