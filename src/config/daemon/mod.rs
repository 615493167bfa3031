//! WSGIDaemonProcess: a group of processes of our own that run applications, as it was typed.
//!
//! Each option is checked where it stands, so that `apachectl configtest` finds what the start would stumble over. What
//! an option left out means is settled where the processes are made.

mod group;
mod options;
mod processes;
mod reach;
#[cfg(test)]
mod tests;
mod value;

pub use group::{Concurrency, Elsewhere, GroupOptions, Reload, Spawn};
pub use options::{OPTIONS, Row};
pub use processes::Processes;
pub(super) use reach::require;
pub use reach::{all, misplaced, reaches};

use super::table::Place;
use std::sync::Arc;
use value::{Value, Wrong};
use wire::message;
use wire::words::{Words, nearest};

/// Sets WSGIDaemonProcess; an error is the message for the administrator.
pub fn set(place: &mut Place<'_>, line: &[u8]) -> Result<(), String> {
    let mut words = Words::of(line);
    let name = name(words.word().unwrap_or_default())?;
    let elsewhere = place.httpd.groups_elsewhere();
    let known = place.server.groups.iter().chain(elsewhere.iter().map(|there| &there.group));
    let id = known.count() as u32 + 1;
    let mut group =
        GroupOptions { id, location: std::mem::take(&mut place.location), ..GroupOptions::named(name) };
    while let Some(setting) = words.setting() {
        let setting = setting.map_err(|word| unknown(&word))?;
        if let Some((name, why)) = RETIRED.iter().find(|(name, _)| name.as_bytes() == setting.name) {
            let text = format!("{}: {name}= has no effect: {why}", group.location);
            place.server.notices.push((message::WITHOUT_EFFECT, text));
            continue;
        }
        let known = OPTIONS.iter().find(|row| row.name.as_bytes() == setting.name);
        let row = known.ok_or_else(|| unknown(&setting.name))?;
        group.typed.insert(row.name, wire::shown(&setting.value).into_owned());
        let value = Value { text: &setting.value, httpd: place.httpd };
        (row.set)(&mut group, value).map_err(|wrong| match wrong {
            Wrong::Whole(complaint) => complaint,
            Wrong::Value(rule) => format!(
                "Invalid {} for WSGI daemon process. {}={} {rule}",
                row.thing,
                row.name,
                wire::shown(&setting.value)
            ),
        })?;
    }
    group.check()?;
    reach::only_definition(place, &elsewhere, &mut group)?;
    place.server.groups.push(Arc::new(group));
    Ok(())
}

/// Options of mod_wsgi before 5.0 that existing sites have, and what holds instead.
const RETIRED: [(&str, &str); 2] = [
    ("newrelic-config-file", "call newrelic.agent.initialize() at the beginning of the script"),
    ("newrelic-environment", "pass it to newrelic.agent.initialize() at the beginning of the script"),
];

/// The first word, if it may be the name of a group.
fn name(word: Vec<u8>) -> Result<Vec<u8>, String> {
    let text = wire::shown(&word);
    let option = text.split_once('=').is_some_and(|(name, _)| OPTIONS.iter().any(|row| row.name == name));
    let why = match &text[..] {
        "" => "The name is the first word, before the options",
        token if token.starts_with("%{") => "A name that begins with %{ would be taken for a token",
        _ if option => &format!("'{text}' is an option; the name comes before the options"),
        _ => return Ok(word),
    };
    Err(format!("Name of WSGI daemon process not supplied. {why}"))
}

fn unknown(word: &[u8]) -> String {
    let text = wire::shown(word);
    let name = text.split('=').next().unwrap_or_default();
    let known = OPTIONS.iter().map(|row| row.name);
    let why = match nearest(name, known) {
        // It has no value, or a blank stands beside its equals sign.
        Some(near) if near == name => format!("Write {near}=value, without blanks; an empty value is ''"),
        Some(near) => format!("Did you mean {near}=?"),
        None => "docs/directives.md lists the options".into(),
    };
    format!("Invalid option to WSGI daemon process definition. There is no option '{text}'. {why}")
}
