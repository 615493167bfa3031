//! `docs/directives.md` and `docs/messages.md`, written from the tables that the program itself uses.
//!
//! `make docs` writes the files; the tests fail when they are not what the tables say.
#![forbid(unsafe_code)]

use crate::apache::command::Context;
use crate::config::{daemon, directives};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn context(context: Context) -> &'static str {
    match context {
        Context::Global => "server config",
        Context::Server => "server config, virtual host",
        Context::Directory => "server config, virtual host, directory",
        Context::FileInfo => "server config, virtual host, directory, .htaccess (AllowOverride FileInfo)",
        Context::AuthConfig => "directory, .htaccess (AllowOverride AuthConfig)",
    }
}

fn directives() -> String {
    let mut text = String::from(
        "# Directives\n\nWritten by `make docs` from the tables in `src/config/directives/`. Names and values are those of \
         mod_wsgi 6;\n[differences.md](differences.md) says where the behaviour differs.\n\nA flag is `On` or `Off`, in \
         any case. Where the same directive is set in several places, the most specific\none counts (virtual host \
         before main server, directory before both), separately for each setting.\n",
    );
    for directive in directives::all() {
        let name = directive.name.to_string_lossy();
        let syntax = directive.syntax.replace('|', "\\|");
        let (title, end) =
            if name.starts_with('<') { (format!("`{name}>`"), ">") } else { (name.to_string(), "") };
        let _ = write!(
            text,
            "\n## {title}\n\n| | |\n|---|---|\n| Syntax | `{name} {syntax}{end}` |\n| Default | {} |\n| Context | {} |\n\n{}\n",
            directive.default,
            context(directive.context),
            directive.doc
        );
        if name == "WSGIDaemonProcess" {
            text.push_str(&options());
        }
    }
    text
}

fn options() -> String {
    let mut text = String::from(
        "\nA number must be a whole number without a unit: `5s` and `1.5` are refused, and so are unknown options. If an \
         option is given twice, the last one counts.\n\n| option | default | |\n|---|---|---|\n",
    );
    for option in &daemon::OPTIONS {
        let daemon::Row { name, value, default, doc, .. } = option;
        let _ = writeln!(text, "| `{name}={}` | {default} | {doc} |", value.replace('|', "\\|"));
    }
    text
}

fn messages() -> String {
    let mut text = String::from(
        "# Messages\n\nWritten by `make docs` from the table in `wire/src/message.rs`. Each line that this module writes to Apache's error \
         log begins with\none of these numbers, `WSGInnnn:`. Numbers below 1000 have the same meaning as in the original \
         mod_wsgi.\n",
    );
    for message in wire::message::ALL {
        let [when, then, remedy] = message.explanation();
        let level = format!("{:?}", message.level()).to_lowercase();
        let _ = write!(
            text,
            "\n## {message} ({level})\n\n{when}\n\n*Consequence:* {then}\n\n*What to do:* {remedy}\n"
        );
    }
    text
}

fn check(name: &str, text: &str) {
    let file = root().join("docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "docs/{name} is not what the table says: run 'make docs'");
}

#[test]
fn the_reference_of_directives_is_current() {
    check("directives.md", &directives());
}

#[test]
fn the_reference_of_messages_is_current() {
    check("messages.md", &messages());
}

fn sources(folder: PathBuf, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_directive_has_a_test_against_a_real_server() {
    let mut text = String::new();
    sources(root().join("tests/compliance"), &mut text);
    sources(root().join("tests/e2e"), &mut text);
    for directive in directives::all() {
        let name = directive.name.to_str().unwrap();
        assert!(text.contains(name), "no test of {name}");
    }
}
