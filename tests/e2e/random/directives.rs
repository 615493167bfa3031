//! The module's directives with arguments, right ones and wrong ones. Names, syntax and contexts are those of
//! `docs/directives.md`, which is written from the module's own table: a new directive takes part by itself.

use harness::repository;

use super::chance::Chance;

/// A directive, as its table in the documentation has it.
pub struct Directive {
    pub name: String,
    /// What stands behind the name.
    syntax: String,
    /// The words of "Context".
    contexts: String,
    /// `option=value`, of a directive that has a table of options.
    options: Vec<String>,
}

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Main,
    Host,
    Section,
    Htaccess,
}

impl Directive {
    pub fn allowed(&self, place: Place) -> bool {
        self.contexts.contains(match place {
            Place::Main => "server config",
            Place::Host => "virtual host",
            Place::Section => "directory",
            Place::Htaccess => ".htaccess",
        })
    }

    /// A line with it.
    pub fn line(&self, chance: &mut Chance) -> String {
        let mut words = vec![self.name.clone()];
        expand(&self.syntax, chance, &mut words);
        words.retain(|word| !word.contains("option=value"));
        if self.name == "WSGIStartupTimeout" {
            // Less is too little for a start where others use the machine.
            words
                .iter_mut()
                .filter(|word| ["0.5", "1", "2.5"].contains(&word.as_str()))
                .for_each(|word| *word = "60".into());
        }
        if !self.options.is_empty() {
            for _ in 0..chance.below(5) {
                let option = chance.one_of(&self.options).clone();
                words.push(value(&option, chance));
            }
        }
        if chance.percent(5) {
            let at = 1 + chance.below(words.len());
            let wrong = chance.one_of(WRONG).to_string();
            if at < words.len() && chance.percent(70) {
                words[at] = wrong;
            } else {
                words.insert(at, wrong);
            }
        }
        words.join(" ")
    }
}

/// What nobody should write and somebody does.
const WRONG: &[&str] = &[
    "",
    "''",
    "\"",
    "=",
    "x=",
    "=x",
    "%{",
    "%{GLOBAL",
    "%{ENV:}",
    "%{nothing}",
    "-1",
    "0",
    "1e400",
    "nan",
    "18446744073709551616",
    "99999999999999999999999",
    "..",
    "/dev/null",
    "/",
    "äöü",
    "\u{1}\u{7f}",
    "$9",
    "[",
    "process-group=",
    "threads=",
    "user=root",
    "On Off",
];

/// Reads the documentation.
pub fn documented() -> Vec<Directive> {
    let text = std::fs::read_to_string(repository().join("docs/directives.md")).expect("docs/directives.md");
    let mut all = Vec::new();
    for part in text.split("\n## ").skip(1) {
        let row = |key: &str| {
            let line = part.lines().find_map(|line| line.strip_prefix(&format!("| {key} | ")));
            line.unwrap_or_default().trim_end_matches(" |").trim_matches('`').replace("\\|", "|")
        };
        let name = part.lines().next().unwrap_or_default().to_owned();
        if name.starts_with("`<") {
            // A container is not one line: that is the layout's.
            continue;
        }
        let option = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.replace("\\|", "|"));
        all.push(Directive {
            syntax: row("Syntax").strip_prefix(&name).unwrap_or_default().trim().to_owned(),
            contexts: row("Context"),
            options: part.lines().filter_map(option).filter(|option| option.contains('=')).collect(),
            name,
        });
    }
    assert!(all.len() > 30, "docs/directives.md is written otherwise than expected");
    all
}

/// The words of a syntax; what stands in brackets only at times.
fn expand(syntax: &str, chance: &mut Chance, words: &mut Vec<String>) {
    let mut rest = syntax;
    while !rest.is_empty() {
        let end = match rest.as_bytes()[0] {
            b' ' => {
                rest = &rest[1..];
                continue;
            }
            b'[' => closing(rest),
            _ => outer_blank(rest),
        };
        let word = &rest[..end];
        rest = &rest[end..];
        match word.strip_prefix('[') {
            Some(inner) if chance.percent(35) => expand(inner.trim_end_matches(']'), chance, words),
            Some(_) => {}
            None if word == "…" => {}
            None => words.push(value(word, chance)),
        }
    }
}

/// The end of a part in brackets.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        depth += i32::from(byte == b'[') - i32::from(byte == b']');
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// The first blank outside of brackets.
fn outer_blank(text: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        depth += i32::from(byte == b'[') - i32::from(byte == b']');
        if depth == 0 && byte == b' ' {
            return at;
        }
    }
    text.len()
}

/// A value for a word of the syntax: `name=alternative|alternative`, alternatives, or the name of what is meant.
fn value(word: &str, chance: &mut Chance) -> String {
    if let Some((name, kind)) = word.split_once('=') {
        return format!("{name}={}", of_option(name, kind, chance));
    }
    let alternatives: Vec<&str> = word.split('|').collect();
    let kind = *chance.one_of(&alternatives);
    of_kind(kind.split('[').next().unwrap_or(kind), chance)
}

fn of_option(name: &str, kind: &str, chance: &mut Chance) -> String {
    let values: &[&str] = match name {
        // Enough to start a few, not enough to fill the machine.
        "processes" => &["1", "2", "3", "0", "1..3", "0..2", "2..1", "1..auto"],
        "threads" => &["0", "1", "2", "5"],
        "chroot" => &["/no/such", "{dir}"],
        "static" => &["finders", "/static:{dir}/htdocs"],
        "warmup" => &["/", "/a,/a/b"],
        "python-home" => &["/no/such", "{venv}", "{venv}/bin/python"],
        "memory-limit" | "rss-limit" => &["0", "1000000000", "8000000000", "4096"],
        // The threads of a process take most of a gigabyte.
        "virtual-memory-limit" => &["0", "4000000000", "8000000000", "4096"],
        "startup-timeout" => &["0", "60", "600"],
        "listen-backlog" => &["0", "1", "100"],
        _ => return value(kind, chance),
    };
    chance.one_of(values).to_string()
}

fn of_kind(kind: &str, chance: &mut Chance) -> String {
    let values: &[&str] = match kind {
        "name" => &["shop", "shop", "other", "later", "\"a b\"", "äö", "%{GLOBAL}", "%{ENV:GROUP}"],
        "URL-path" | "/path" => &["/", "/a", "/a/b", "/sub/", "//a", "a"],
        "file-path" => &[
            "{dir}/app.wsgi",
            "{dir}/app.wsgi",
            "{dir}/app.wsgi",
            "{dir}/broken.wsgi",
            "{dir}/missing.wsgi",
            "{dir}/htdocs",
            "relative.wsgi",
            "\"{dir}/a b.wsgi\"",
        ],
        "regex" => &["^/x(.*)$", "/y", "(", "^/(a|b)/([^/]*)"],
        "project-directory" | "directory" => &["{dir}/lib", "{dir}", "/no/such", "{venv}", "lib"],
        "path" => &["run/x", "{dir}/run/y", "/no/such/directory/x", "x"],
        "seconds" => &["1", "5", "0.5", "0", "2.5", "60", "86400"],
        "milliseconds" => &["0", "5", "1000"],
        "number" => &["0", "1", "2", "3", "10"],
        "bytes" => &["0", "512", "8192", "65536", "1048576"],
        "octal" => &["0007", "022", "777"],
        "#uid" | "#gid" | "#gid[,…]" => &["#33", "#0", "#4711"],
        "module" | "text" => &["x", "shop.settings", "(wsgi:x)"],
        "action" => &["default", "error", "ignore::DeprecationWarning", "nonsense"],
        "%{ENV:name}" => &["%{ENV:GROUP}"],
        "options of WSGIScriptAlias" => &["process-group=shop", "application-group=%{GLOBAL}"],
        "URL-path:directory" => &["/static:{dir}/htdocs"],
        "0…4294967295" => &["0", "1", "4294967295"],
        "header" => {
            &["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Script-Name", "x_real_ip"]
        }
        "address" => &["127.0.0.1", "::1", "10.1", "192.0.2.7"],
        "network" => &["10.0.0.0/8", "0.0.0.0/0", "fe80::/10", "127.0.0.0/255.0.0.0"],
        "unix:/path" => &["unix:{dir}/state/t.sock", "unix:/no/such/socket", "tcp:localhost:1"],
        "file" => &["{dir}/app.wsgi", "/no/such"],
        _ => return kind.to_owned(),
    };
    chance.one_of(values).to_string()
}
