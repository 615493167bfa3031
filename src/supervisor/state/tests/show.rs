//! States, events and actions in short, for tables.

use super::*;
use crate::supervisor::state::lines::Line;
use crate::supervisor::state::place::{Seat, Successor};
use crate::supervisor::state::worker::Deadline;

/// Seconds since the beginning.
pub fn seconds(time: Instant) -> f64 {
    time.saturating_duration_since(at(0.0)).as_millis() as f64 / 1000.0
}

fn show_worker(worker: &Worker) -> String {
    let starts = worker.starts.as_ref().map_or(String::new(), |_| " at script".into());
    let words = worker.last_words.as_ref().map_or(String::new(), |_| " with words".into());
    let gave_up = if worker.gave_up { " gave up" } else { "" };
    format!("{}{starts}{words}{gave_up}", worker.pid)
}

fn show_deadline(deadline: Deadline) -> String {
    match deadline {
        Deadline::Never => String::new(),
        Deadline::At(at) => format!(" until {}", seconds(at)),
        Deadline::Killed => " killed".into(),
    }
}

fn show_successor(successor: &Successor) -> String {
    let Successor::Started(starting) = successor else { return "asked".into() };
    let obeys = starting.obeys.map_or(String::new(), |reason| format!(" obeys {}", reason.name()));
    format!("starting {}{}{obeys}", show_worker(&starting.worker), show_deadline(starting.deadline))
}

fn show_serving(serving: &Serving) -> String {
    let failed = if serving.failed > 0 { format!(" without {}", serving.failed) } else { String::new() };
    let replace = serving.replace.map_or(String::new(), |reason| format!(" but {}", reason.name()));
    format!("serving {}{failed}{replace}", show_worker(&serving.worker))
}

fn show_place(place: &Place) -> String {
    let seat = match &place.seat {
        Seat::Empty => "empty".into(),
        Seat::Starting(successor) => show_successor(successor),
        Seat::Serving(serving) => show_serving(serving),
        Seat::Replacing(serving, successor) => {
            format!("{} + {}", show_serving(serving), show_successor(successor))
        }
    };
    let seat = if place.is_closed { "closed".into() } else { seat };
    let next = place.next.map_or(String::new(), |at| format!(", next {}", seconds(at)));
    let failures = if place.failures > 0 { format!(", failures {}", place.failures) } else { String::new() };
    let deaths = if place.deaths > 0 { format!(", deaths {}", place.deaths) } else { String::new() };
    let held = if place.held { ", held" } else { "" };
    format!("[{seat}{next}{failures}{deaths}{held}]")
}

/// Places in brackets, then processes that drain.
pub fn show_group(group: &Group) -> String {
    let phase = match group.phase {
        Phase::Running => None,
        Phase::Leaving(_) => Some("leaving".into()),
        Phase::Ending(_) => Some("ending".into()),
    };
    let draining = group.draining.iter().map(|process| {
        format!("draining {}{}", show_worker(&process.worker), show_deadline(process.deadline))
    });
    let template = group.template.as_ref().map(|template| {
        let fallen = if template.fallen { " fallen" } else { "" };
        let asked = template.asked.iter().map(|asked| format!(" {} of {}", asked.place, asked.template));
        format!("template{fallen} {}{}", show_place(&template.place), asked.collect::<String>())
    });
    let died = group.died_at.as_ref().map(|(_, count)| format!("died {count}"));
    let words: Vec<String> = phase
        .into_iter()
        .chain(template)
        .chain(group.places.iter().map(show_place))
        .chain(draining)
        .chain(died)
        .collect();
    words.join(" ")
}

/// An event.
pub fn name(event: &Event) -> String {
    match event {
        Event::Tick => "tick".into(),
        Event::Seen { open } => format!("seen {}", if *open { "open" } else { "shut" }),
        Event::Started { place, pid, .. } => format!("started {pid} in {place}"),
        Event::StartFailed { place, .. } => format!("start failed in {place}"),
        Event::TemplateStarted { pid, .. } => format!("template {pid} started"),
        Event::TemplateNotStarted { .. } => "template not started".into(),
        Event::Unforkable { pid, .. } => format!("unforkable {pid}"),
        Event::Occupied { place } => format!("occupied {place}"),
        Event::Ready { pid, failed, others: None } => format!("ready {pid} without {failed}"),
        Event::Ready { pid, failed, .. } => format!("ready {pid} without {failed}, others better"),
        Event::GaveUp { pid, .. } => format!("gave up {pid}"),
        Event::Ends { pid, .. } => format!("ends {pid}"),
        Event::Starts { pid, .. } => format!("starts {pid}"),
        Event::ReplaceAsked { pid, reason, .. } => format!("replace {pid} {}", reason.name()),
        Event::Watch { pid, .. } => format!("watch {pid}"),
        Event::Ended { pid } => format!("ended {pid}"),
        Event::Died { pid, end: None, .. } => format!("lost {pid}"),
        Event::Died { pid, end: Some(end), .. } => format!("died {pid} of {}", end.status),
        Event::Leave => "leave".into(),
        Event::EndForGood => "end for good".into(),
        Event::Stop { limit: None } => "stop".into(),
        Event::Stop { .. } => "stop at once".into(),
        Event::Over => "over".into(),
        Event::Rung => "rung".into(),
        Event::Load(load) => {
            let waits =
                load.waits.map_or("nobody waits".into(), |time| format!("waits {}", time.as_secs_f64()));
            let claims: String =
                load.claims.iter().map(|(pid, count)| format!(", {pid} has {count}")).collect();
            format!("load: {waits}{claims}, served {}", load.served)
        }
    }
}

fn show_line(line: &Line) -> String {
    match line {
        Line::Started(pid) => format!("started {pid}"),
        Line::TemplateStarted(pid) => format!("template {pid} started"),
        Line::TemplateReady { pid, took } => format!("template {pid} ready after {}", took.as_secs_f64()),
        Line::NotForked(_) => "not forked".into(),
        Line::NotStarted(_) => "not started".into(),
        Line::Serves { pid, took, .. } => format!("serves {pid} after {}", took.as_secs_f64()),
        Line::Replacing { pid, reason, .. } => format!("replacing {pid} {}", reason.name()),
        Line::CannotServe(_) => "cannot serve".into(),
        Line::KeepsOldCode { pid, next } => {
            format!("keeps old code, not {pid}, next in {}", next.as_secs_f64())
        }
        Line::Died(death) => {
            format!("died {} {:?} {:?}", death.pid, death.stage, death.cause)
        }
        Line::Grows { count, most, waited } => {
            let why = waited.map_or("nobody serves".into(), |time| format!("waited {}", time.as_secs_f64()));
            format!("grows to {count} of {most}, {why}")
        }
        Line::Shrinks { pid, count, least, lasted, running } => {
            format!("shrinks by {pid} to {count} of {least}, {running} in {}", lasted.as_secs_f64())
        }
        Line::LeftBehind(count) => format!("left behind {count}"),
    }
}

/// Actions, in their order.
pub fn show_actions(actions: &[Action]) -> String {
    let shown: Vec<String> = actions.iter().map(show_action).collect();
    shown.join("; ")
}

fn show_action(action: &Action) -> String {
    match action {
        Action::Start { place, alone, beside, died } => {
            let words = [(*alone, " alone"), (*beside, " beside"), (died.is_some(), " after a death")];
            let words: String = words.into_iter().filter(|(said, _)| *said).map(|(_, word)| word).collect();
            format!("start {place}{words}")
        }
        Action::StartTemplate { beside, died } => {
            let words = [(*beside, " beside"), (died.is_some(), " after a death")];
            let words: String = words.into_iter().filter(|(said, _)| *said).map(|(_, word)| word).collect();
            format!("start template{words}")
        }
        Action::Fork { place, template } => format!("fork {place} of {template}"),
        Action::Tell(pid, Message::Drain { reason, .. }) => format!("drain {pid} {}", reason.name()),
        Action::Tell(pid, Message::Serve) => format!("serve {pid}"),
        Action::Tell(pid, Message::Watch(_)) => format!("watch {pid}"),
        Action::Tell(pid, message) => format!("tell {pid} {message:?}"),
        Action::Kill(pid) => format!("kill {pid}"),
        Action::Log(line) => format!("log {}", show_line(line)),
        Action::SetNextStart(rest) => format!("next in {}", rest.as_secs_f64()),
        Action::SetCondition(condition) => format!("{condition:?}"),
        Action::SetServedBy => "served by".into(),
        Action::SendServed => "send served".into(),
        Action::KillSession(pid) => format!("kill session {pid}"),
        Action::RememberSession(pid) => format!("remember session {pid}"),
        Action::Reap(pid) => format!("reap {pid}"),
        Action::EndRemains => "end remains".into(),
        Action::Listen => "listen".into(),
        Action::Look => "look".into(),
    }
}
