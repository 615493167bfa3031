//! The command lines of mod_wsgi-express, translated into those of `serve` and `setup`.
//!
//! `start-server app.wsgi --port 80` becomes `serve app.wsgi --port=80` and what was the default there. Each option stands in
//! [`table`]; what several options mean together is in [`together`].

mod help;
mod scripts;
mod table;
mod tls;
mod together;

use crate::args::OLD_COMMANDS;
use crate::failure::Failure;
use crate::text::word;
use std::collections::BTreeMap;
use table::{Meaning, OPTIONS, Row};
use wire::words::nearest;

pub use help::help;

/// A command line of `serve` or `setup`, and what is to be said about the old one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// The words, the command first.
    pub words: Vec<String>,
    /// One line for each option that has no effect.
    pub notes: Vec<String>,
}

/// What stands on an old command line: the values of each option, in their order, and the words that are none.
#[derive(Default)]
struct Given {
    options: BTreeMap<&'static str, Vec<Vec<String>>>,
    words: Vec<String>,
}

impl Given {
    /// The last value of an option.
    fn last(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.last()?.first().map(String::as_str)
    }

    /// All first values of an option.
    fn all(&self, name: &str) -> Vec<&str> {
        self.pairs(name).iter().filter_map(|values| values.first()).map(String::as_str).collect()
    }

    /// All values of an option.
    fn pairs(&self, name: &str) -> &[Vec<String>] {
        self.options.get(name).map_or(&[], Vec::as_slice)
    }

    fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }
}

/// Whether a word is a command of mod_wsgi-express that has to be translated.
pub fn is_old(command: &str) -> bool {
    OLD_COMMANDS.contains(&command)
}

/// Translates a command line; `words` are those behind the command.
pub fn translate(command: &str, words: &[String]) -> Result<Translation, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let words: Vec<String> = words.iter().map(|word| expanded(word, &variable)).collect();
    let given = read(&words)?;
    let mut new = Translation::default();
    let is_setup = command == "setup-server" || given.has("setup-only");
    new.words.push(if is_setup { "setup" } else { "serve" }.to_owned());
    new.words.push("--express".to_owned());
    for (name, _, meaning) in &OPTIONS {
        // Who says it twice, as a script does that adds to a command line, means the last.
        let pairs = given.pairs(name);
        let is_single =
            matches!(meaning, Meaning::As(new) | Meaning::File(new) if !crate::usage::may_be_repeated(new));
        let skipped = if is_single { pairs.len().saturating_sub(1) } else { 0 };
        for values in &pairs[skipped..] {
            apply(&mut new, name, *meaning, values)?;
        }
    }
    for note in new.notes.clone() {
        new.option("note", &note);
    }
    together::apply(&mut new, &given)?;
    Ok(new)
}

/// What one option becomes.
fn apply(new: &mut Translation, name: &str, meaning: Meaning, values: &[String]) -> Result<(), Failure> {
    let value = values.first().map_or("", String::as_str);
    match meaning {
        Meaning::As(option) if values.len() == 2 => {
            new.words.extend([format!("--{option}"), values[0].clone(), values[1].clone()]);
        }
        Meaning::As(option) if values.is_empty() => new.words.push(format!("--{option}")),
        Meaning::As(option) | Meaning::File(option) => new.words.push(format!("--{option}={value}")),
        Meaning::Group(option) => new.words.push(format!("--option={option}={value}")),
        Meaning::Line(line, modules) => new.line("directive", &filled(line, values)?, modules),
        Meaning::Document(line, modules) => new.line("document-directive", &filled(line, values)?, modules),
        Meaning::Without(text) => new.notes.push(format!("--{name} has no effect here: {text}")),
        Meaning::Refused(text) => return Err(Failure::usage(format!("--{name}: {text}"))),
        Meaning::Together | Meaning::Always => {}
    }
    Ok(())
}

impl Translation {
    fn option(&mut self, name: &str, value: &str) {
        self.words.push(format!("--{name}={value}"));
    }

    /// Lines of the configuration, with the modules that they need.
    fn line(&mut self, option: &str, text: &str, modules: &[&str]) {
        for module in modules {
            let word = format!("--load={module}");
            if !self.words.contains(&word) {
                self.words.push(word);
            }
        }
        for line in text.lines() {
            self.option(option, line);
        }
    }
}

fn filled(line: &str, values: &[String]) -> Result<String, Failure> {
    let mut text = line.to_owned();
    if let Some(value) = values.first() {
        let whole = crate::app::whole(value)?;
        let whole = whole.to_string_lossy();
        text = match text.contains("{path}/wsgi") {
            true => text.replace("{path}/wsgi", &word(&format!("{whole}/wsgi"))?),
            false => text.replace("{path}", &word(&whole)?),
        };
        text = text.replace("{}", &word(value)?);
    }
    if let Some(value) = values.get(1) {
        text = text.replace("{1}", &word(value)?);
    }
    Ok(text)
}

/// `$NAME` and `${NAME}` where there is such a variable.
fn expanded(text: &str, variable: &impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out += &rest[..at];
        let behind = &rest[at + 1..];
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, length) = match behind.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some((name, _)) => (name, name.len() + 3),
            None => {
                let end = behind.find(|c| !is_name(c)).unwrap_or(behind.len());
                (&behind[..end], end + 1)
            }
        };
        match variable(name).filter(|_| !name.is_empty()) {
            Some(value) => out += &value,
            None => out += &rest[at..at + length],
        }
        rest = &rest[at + length..];
    }
    out + rest
}

/// Reads words as optparse does: options and others in any order, unambiguous abbreviations.
fn read(words: &[String]) -> Result<Given, Failure> {
    let mut given = Given::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let Some(option) = word.strip_prefix("--") else {
            if word.starts_with('-') && word.len() > 1 {
                return Err(unknown(word));
            }
            given.words.push(word.clone());
            continue;
        };
        if option.is_empty() {
            given.words.extend(rest.cloned());
            break;
        }
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let (name, count, _) = row(name)?;
        let mut values: Vec<String> = value.map(str::to_owned).into_iter().collect();
        if values.len() > *count {
            return Err(Failure::usage(format!("--{name} takes no value; write --{name}")));
        }
        while values.len() < *count {
            let next = rest.next().ok_or_else(|| {
                let times = if *count == 1 { "a value" } else { "two values" };
                Failure::usage(format!("--{name} lacks {times}; see mod-wsgi start-server --help"))
            })?;
            values.push(next.clone());
        }
        given.options.entry(name).or_default().push(values);
    }
    Ok(given)
}

/// The option of this name, or of the only name that begins so.
fn row(name: &str) -> Result<&'static Row, Failure> {
    if let Some(row) = OPTIONS.iter().find(|(known, ..)| *known == name) {
        return Ok(row);
    }
    let longer: Vec<&Row> = OPTIONS.iter().filter(|(known, ..)| known.starts_with(name)).collect();
    match longer[..] {
        [row] => Ok(row),
        [] => Err(unknown(&format!("--{name}"))),
        _ => Err(Failure::usage(format!(
            "--{name} may be {}; write it out",
            longer.iter().map(|(known, ..)| format!("--{known}")).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// There is no such option; the most similar one may be meant.
fn unknown(word: &str) -> Failure {
    let name = word.trim_start_matches('-');
    let nearest = nearest(name, OPTIONS.iter().map(|(known, ..)| *known));
    let meant = nearest
        .map_or("see mod-wsgi start-server --help".to_owned(), |known| format!("did you mean --{known}?"));
    Failure::usage(format!("there is no option {word}; {meant}"))
}

#[cfg(test)]
mod tests;
