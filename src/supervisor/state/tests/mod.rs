//! Every transition of a group: for each state, what each event makes of it. What a table does not name changes nothing.

mod deaths;
mod ends;
mod forked;
mod many;
mod one;
mod scale;
mod services;
mod show;
mod successor;
mod walk;
mod words;

use super::*;
use show::{name, seconds as show_time, show_actions, show_group};
use std::sync::OnceLock;
use wire::control::Reason;

const SCRIPT: &str = "/x.wsgi";
/// How long a start may take.
const START: Duration = Duration::from_secs(60);
/// Status of a process that exits with 0, and of one that is killed.
const CLEAN: i32 = 0;
const SIGKILL: i32 = 9;

/// So many seconds after the beginning.
fn at(seconds: f64) -> Instant {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    *BEGINNING.get_or_init(Instant::now) + Duration::from_secs_f64(seconds)
}

fn rules() -> Rules {
    let seconds = |count| Some(Duration::from_secs(count));
    Rules { graceful: seconds(15), shutdown: seconds(5), ..Rules::default() }
}

/// A group to which something happened, each after so many seconds.
fn after(mut group: Group, events: &[(f64, Event)]) -> Group {
    for (seconds, event) in events {
        group.on(event.clone(), at(*seconds));
    }
    group
}

/// A group of one place.
fn one() -> Group {
    Group::new(rules(), 1)
}

fn started(place: usize, pid: u32) -> Event {
    Event::Started { place, pid, limit: START }
}

fn ready(pid: u32, failed: u32) -> Event {
    Event::Ready { pid, failed, others: None }
}

fn ask(pid: u32, reason: Reason) -> Event {
    Event::ReplaceAsked { pid, reason, text: "text".into() }
}

fn died(pid: u32, status: i32) -> Event {
    Event::Died { pid, end: Some(End { status, memory: 0, claimed: 0, requests: Vec::new() }), open: false }
}

fn starts(pid: u32) -> Event {
    Event::Starts { pid, script: Some(SCRIPT.into()) }
}

/// The pids of a group's processes.
fn pids(group: &Group) -> Vec<u32> {
    let places = group.places.iter().chain(group.template_place()).flat_map(|place| {
        let current = place.seat.current().map(|current| current.worker.pid);
        let starting = place.seat.starting().map(|starting| starting.worker.pid);
        current.into_iter().chain(starting)
    });
    let mut pids: Vec<u32> = places.chain(group.draining.iter().map(|process| process.worker.pid)).collect();
    pids.sort_unstable();
    pids
}

/// What may happen to a process.
fn about(pid: u32) -> Vec<Event> {
    vec![
        ready(pid, 0),
        ready(pid, 1),
        Event::Ready { pid, failed: 1, others: Some(0) },
        ask(pid, Reason::Requests),
        ask(pid, Reason::Script),
        ask(pid, Reason::Imports),
        ask(pid, Reason::FailedStart),
        died(pid, CLEAN),
        died(pid, SIGKILL),
        Event::Died { pid, end: None, open: false },
    ]
}

/// What a process may say beside that, and its end.
fn words(pid: u32) -> Vec<Event> {
    vec![
        Event::GaveUp { pid, why: "why".into() },
        Event::Ends { pid, words: Some("words".into()) },
        starts(pid),
        Event::Watch { pid, files: b"/a".to_vec() },
        Event::Ended { pid },
    ]
}

/// What may happen to the whole group.
fn ends_of_all() -> Vec<Event> {
    vec![Event::Leave, Event::EndForGood, Event::Stop { limit: None }, Event::Over]
}

/// Every event that may happen to this group.
fn all_events(group: &Group) -> Vec<Event> {
    let mut events = vec![Event::Tick];
    if group.places.iter().any(|place| place.seat.has_successor() && place.seat.starting().is_none()) {
        events.extend([
            started(0, 5),
            Event::StartFailed { place: 0, why: "why".into() },
            Event::Occupied { place: 0 },
        ]);
    }
    if let Some(template) = &group.template {
        let pids = |place: &Place| {
            let starting = place.seat.starting().map(|starting| starting.worker.pid);
            place
                .seat
                .current()
                .map(|current| current.worker.pid)
                .into_iter()
                .chain(starting)
                .collect::<Vec<_>>()
        };
        events.extend(
            pids(&template.place).into_iter().map(|pid| Event::Unforkable { pid, why: "why".into() }),
        );
        if template.place.seat.has_successor() && template.place.seat.starting().is_none() {
            events.push(Event::TemplateStarted { pid: 8, limit: START });
            events.push(Event::TemplateNotStarted { why: "why".into() });
        }
    }
    events.extend(pids(group).into_iter().flat_map(about));
    events.extend(ends_of_all());
    events
}

/// Checks what each event makes of a group against a table. An event that is not in it changes nothing.
#[track_caller]
fn check_these(group: &Group, seconds: f64, events: Vec<Event>, table: &str) {
    let mut found = vec![show_group(group)];
    for event in events {
        let mut next = group.clone();
        let actions = next.on(event.clone(), at(seconds));
        if next != *group || !actions.is_empty() {
            let line = format!("{} | {} | {}", name(&event), show_group(&next), show_actions(&actions));
            found.push(line.trim_end_matches([' ', '|']).to_owned());
        }
    }
    let expected = table.lines().map(str::trim).filter(|line| !line.is_empty());
    assert!(expected.eq(found.iter()), "found:\n{}\nend", found.join("\n"));
}

/// The same for every event.
#[track_caller]
fn check(group: &Group, seconds: f64, table: &str) {
    check_these(group, seconds, all_events(group), table);
}
