//! Reads a snapshot. Nothing is waited for and nothing is locked: what changes just now is left out, or shown as it was.

use super::snapshot::{Group, Process, Request, Server, Snapshot};
use crate::apache::{self, mpm};
use crate::groups::{self, ProcessGroup};
use crate::ledger::{self, span};
use crate::process;
use os::Sight;
use std::collections::BTreeMap;
use wire::ledger::{Ledger, Phase, Role, Row, Seen, Totals};
use wire::scoreboard::{Condition, Counters, State, WorkerSlot};

/// Everything, now.
pub fn snapshot() -> Snapshot {
    let now = os::monotonic();
    let ledger = ledger::get();
    let children = ledger.map(|ledger| children(ledger, now)).unwrap_or_default();
    let mut requests = ledger.map(|ledger| requests(ledger, &children)).unwrap_or_default();
    let mut of_row = |row: Option<usize>| {
        let mut own = row.and_then(|row| requests.remove(&row)).unwrap_or_default();
        own.sort_by_key(|seen| seen.begun);
        own
    };
    let mut all = vec![embedded(children, of_row(Some(ledger::EMBEDDED)), now)];
    all.extend(groups::all().into_iter().map(|live| daemon(live, of_row(live.row), now)));
    let server = Server {
        version: env!("CARGO_PKG_VERSION"),
        httpd: wire::shown(apache::description()).into_owned(),
        mpm: wire::shown(mpm::name()).into_owned(),
        now: apache::now(),
        begun: ledger.map_or(0, Ledger::begun),
    };
    Snapshot { server, groups: all }
}

/// Apache's children that live, by their pids.
fn children(ledger: &Ledger, now: i64) -> BTreeMap<u32, Process> {
    let parent = os::parent();
    let seen = ledger.children.iter().filter_map(|child| Some((child.read()?, child)));
    let processes = seen.filter_map(|((pid, generation, begun, python), child)| {
        let sight = Sight::of(pid);
        let portrait = sight.portrait();
        // A child that was killed leaves its pid, which another process may have by now.
        let is_ours = pid == process::pid()
            || !sight.is_other_than(begun) && portrait.is_none_or(|portrait| portrait.parent == parent);
        is_ours.then(|| Process {
            pid,
            place: None,
            generation,
            phase: if python { "serving" } else { "no Python" },
            age: span(begun, now),
            memory: portrait.map(|portrait| portrait.memory),
            computed: portrait.map(|portrait| portrait.computed),
            threads: mpm::threads().unsigned_abs(),
            busy: 0,
            gil_wait: python.then(|| child.gil.wait(now, span(begun, now))),
            counters: Counters { requests: child.requests(), ..Counters::default() },
            admitted: None,
            started: child.starts.read(),
            restarts: 0,
            last: None,
        })
    });
    processes.map(|process| (process.pid, process)).collect()
}

/// The requests that these children have, by the rows of their groups.
fn requests(ledger: &Ledger, children: &BTreeMap<u32, Process>) -> BTreeMap<usize, Vec<Seen>> {
    let mut requests: BTreeMap<usize, Vec<Seen>> = BTreeMap::new();
    let seen = ledger.entries.iter().filter_map(wire::ledger::Entry::read);
    for seen in seen.filter(|seen| children.contains_key(&seen.pid)) {
        requests.entry(seen.row).or_default().push(seen);
    }
    requests
}

fn request(seen: Seen, now: i64) -> Request {
    Request {
        id: seen.id,
        method: seen.method,
        uri: seen.uri,
        host: seen.host,
        client: seen.client,
        age: span(seen.begun, now),
        phase: seen.phase,
        child: seen.pid,
        process: None,
    }
}

fn embedded(mut children: BTreeMap<u32, Process>, seen: Vec<Seen>, now: i64) -> Group {
    let requests: Vec<Request> = seen
        .into_iter()
        .map(|seen| Request { process: Some((seen.pid, None)), ..request(seen, now) })
        .collect();
    for request in &requests {
        children.entry(request.child).and_modify(|process| process.busy += 1);
    }
    let row = ledger::row(Some(ledger::EMBEDDED));
    Group {
        name: None,
        condition: if children.values().any(|process| process.phase == "serving") {
            "serving"
        } else {
            "off"
        },
        host: None,
        totals: row.map(Row::totals).unwrap_or_default(),
        longest: 0,
        processes: children.into_values().collect(),
        unlisted: 0,
        requests,
        notes: row.map(|row| row.journal.read()).unwrap_or_default(),
    }
}

fn daemon(live: &ProcessGroup, seen: Vec<Seen>, now: i64) -> Group {
    let row = ledger::row(live.row);
    let mut processes: Vec<Process> = row.map(|row| processes(live, row, now)).unwrap_or_default();
    processes.sort_by_key(|process| (process.place, process.age));
    let requests = seen.into_iter().map(|seen| in_worker(live, &processes, seen, now)).collect();
    let condition = match live.scoreboard.condition() {
        Condition::Starting => "starting",
        Condition::Serving => "serving",
        Condition::Down => "down",
    };
    Group {
        name: Some(live.name().into_owned()),
        condition,
        host: live.host.as_ref().map(|host| wire::shown(host).into_owned()),
        totals: row.map_or_else(Totals::default, Row::totals),
        longest: row.map_or(0, Row::longest),
        unlisted: (live.processes() as usize).saturating_sub(wire::ledger::PROCESSES),
        processes,
        requests,
        notes: row.map(|row| row.journal.read()).unwrap_or_default(),
    }
}

/// The processes that the supervisors of a group have, with what these say of themselves.
fn processes(live: &ProcessGroup, row: &Row, now: i64) -> Vec<Process> {
    let seen = row.processes.iter().filter_map(wire::ledger::Process::read);
    let sights = seen.map(|seen| (seen, Sight::of(seen.0)));
    sights
        .filter(|((.., begun), sight)| !sight.is_other_than(*begun))
        .map(|((pid, role, generation, begun), sight)| {
            let portrait = sight.portrait();
            let slot = slot_of(live, pid);
            let place = match role {
                Role::Worker(place) => Some(place),
                Role::Template => None,
            };
            let known = place.and_then(|place| row.places.get(place as usize));
            let (mut busy, mut counters) = (0, Counters::default());
            for record in
                slot.iter().flat_map(|(at, _)| live.board.records(*at)).take(live.threads() as usize)
            {
                busy += u32::from(record.is_busy());
                counters += record.counters();
            }
            Process {
                pid,
                place,
                generation: i64::try_from(generation).unwrap_or(i64::MAX),
                phase: phase(role, slot.map(|(_, slot)| slot), live.threads() == 0),
                age: span(begun, now),
                memory: portrait.map(|portrait| portrait.memory),
                computed: portrait.map(|portrait| portrait.computed),
                threads: live.threads(),
                busy,
                gil_wait: slot
                    .filter(|_| live.threads() > 0)
                    .and_then(|(at, _)| live.board.gils.get(at))
                    .map(|gil| gil.wait(now, span(begun, now))),
                counters,
                admitted: slot.map(|(_, slot)| slot.places()),
                started: slot.and_then(|(_, slot)| slot.starts.read()),
                restarts: known.map_or(0, wire::ledger::Place::ends),
                last: known.and_then(wire::ledger::Place::ended),
            }
        })
        .collect()
}

fn slot_of(live: &ProcessGroup, pid: u32) -> Option<(usize, &WorkerSlot)> {
    use std::sync::atomic::Ordering;
    live.slots.iter().enumerate().find(|(_, slot)| slot.pid.load(Ordering::SeqCst) == pid)
}

fn phase(role: Role, slot: Option<&WorkerSlot>, is_service: bool) -> &'static str {
    match (role, slot.map(WorkerSlot::phase)) {
        (Role::Template, _) => "template",
        (_, Some(_)) if is_service => "service",
        (_, Some(wire::scoreboard::Phase::Serving)) => "serving",
        (_, Some(wire::scoreboard::Phase::Draining)) => "draining",
        (_, Some(wire::scoreboard::Phase::Ended)) => "ended",
        (_, Some(wire::scoreboard::Phase::Starting) | None) => "starting",
    }
}

/// A request of a group, with what its worker says: which thread has it, and whether one does.
fn in_worker(live: &ProcessGroup, processes: &[Process], seen: Seen, now: i64) -> Request {
    use std::sync::atomic::Ordering;
    let target = seen.target;
    let mut request = request(seen, now);
    let Some((at, connection)) = target.filter(|_| request.phase != Phase::Waiting) else { return request };
    let Some(slot) = live.slots.get(at) else { return request };
    let pid = slot.pid.load(Ordering::SeqCst);
    if !processes.iter().any(|process| process.pid == pid) {
        return request;
    }
    let records = live.board.records(at).iter().take(live.threads() as usize).enumerate();
    let busy = records.filter(|(_, record)| record.is_busy());
    let mut own = busy
        .filter_map(|(thread, record)| Some((thread + 1, record.read()?)))
        .filter(|(_, record)| record.connection == connection as u64 && record.state != State::Idle);
    let thread = own.next();
    let taken = live.board.connections(at).get(connection).map(|entry| entry.taken.load(Ordering::SeqCst));
    if request.phase == Phase::Application {
        match &thread {
            Some((_, record)) if record.state == State::Waiting => request.phase = Phase::Starting,
            // It stands behind others on the connection.
            None if taken == Some(0) => request.phase = Phase::Waiting,
            _ => {}
        }
    }
    if request.phase != Phase::Sending {
        request.process = Some((pid, thread.map(|(number, _)| number)));
    }
    request
}
