use super::*;
use crate::Level;

/// A ledger in this memory, which has room for it behind the next multiple of 64.
fn of(words: Vec<u64>) -> &'static Ledger {
    assert!(words.len() >= size_of::<Ledger>() / 8 + 8);
    let start = words.leak().as_ptr().cast::<u8>();
    let start = start.wrapping_add(start.align_offset(64)).cast::<Ledger>();
    // SAFETY: memory of that size behind the next multiple of 64, for good; a ledger is made of atomics, of which any bytes are values.
    unsafe { &*start }
}

/// A ledger as the system gives it: all zeros.
fn ledger() -> &'static Ledger {
    of(vec![0; size_of::<Ledger>() / 8 + 8])
}

fn facts(uri: &[u8]) -> Facts<'_> {
    Facts { row: 3, begun: 5, method: b"GET", uri, host: b"example.org", client: b"::1", id: b"x" }
}

#[test]
fn what_lanes_have_counted_adds_up() {
    let row = &ledger().rows[1];
    for (at, lane) in row.lanes.iter().enumerate() {
        lane.arrive();
        lane.arrive();
        lane.end(200, false, 1000, Some(0), Some(70_000_000));
        lane.end(503, at == 0, 1001, None, None);
    }
    let totals = row.totals();
    assert_eq!((totals.arrived, totals.ended(), totals.broken), (64, 64, 1));
    assert_eq!(totals.classes, [0, 32, 0, 0, 32]);
    assert_eq!((totals.total.buckets[0], totals.total.buckets[1], totals.total.count()), (32, 32, 64));
    assert_eq!((totals.queue.count(), totals.application.count()), (32, 32));
    assert_eq!((totals.total.quantile(0.5), totals.application.quantile(0.5)), (Some(1000), None));
    assert_eq!(Histogram::default().quantile(0.5), None);
    for status in [-5, 0, 99, 1000, i32::MIN, i32::MAX] {
        row.lanes[0].end(status, false, u64::MAX, None, None);
    }
    assert_eq!(row.totals().ended(), 70);
}

#[test]
fn a_request_is_seen_until_it_ends() {
    let ledger = ledger();
    let entry = ledger.entry(7, ENTRIES - 1, |_| false).unwrap();
    assert_eq!(entry.owner(), 7);
    entry.begin(&facts(b"/a b\x01\xff"));
    entry.send_to(2, 255);
    entry.enter(Phase::Application);
    let seen = entry.read().unwrap();
    assert_eq!((seen.pid, seen.row, seen.phase, seen.target), (7, 3, Phase::Application, Some((2, 255))));
    assert_eq!([&seen.uri[..], &seen.host], ["/a b\u{fffd}\u{fffd}", "example.org"]);
    let other = ledger.entry(7, ENTRIES - 1, |_| false).unwrap();
    other.begin(&facts(&[b'x'; 5000]));
    assert_eq!(other.read().unwrap().uri.len(), 36 * 8);
    entry.release();
    assert_eq!(entry.read(), None);
    entry.take(0, 8);
    entry.begin(&facts(b"/short"));
    assert_eq!(entry.read().unwrap().uri, "/short");
}

#[test]
fn entries_of_the_dead_are_used_again() {
    let ledger = ledger();
    let taken: Vec<_> = (0..64).map(|_| ledger.entry(7, 0, |_| false).unwrap()).collect();
    assert!(ledger.entry(8, 0, |_| false).is_none(), "so many are looked at");
    assert!(ledger.entry(8, 0, |pid| pid == 7).is_some());
    assert_eq!(taken[0].owner(), 8);
}

#[test]
fn who_begins_finds_nothing_of_those_who_had_its_pid() {
    let ledger = ledger();
    let [own, other, whole, begun] = [7, 8, 9, 10].map(|pid| ledger.entry(pid, 0, |_| false).unwrap());
    [own, other, whole].iter().for_each(|entry| entry.begin(&facts(b"/")));
    let child = ledger.child(7, |_| false).unwrap();
    child.begin(1, 5);
    ledger.sweep(7, |pid, since| pid == 8 && since == 5 || pid == 10);
    assert_eq!([own, other, whole, begun].map(Entry::owner), [0, 0, 9, 10]);
    assert!(whole.read().is_some(), "it is there");
    assert_eq!(child.read(), None);
    let row = &ledger.rows[1];
    for begun in [1, 2] {
        row.process(7, |_| false).unwrap().begin(Role::Worker(3), 2, begun);
        row.process(8, |_| false).unwrap().begin(Role::Template, 2, begun);
    }
    assert_eq!(row.processes.iter().filter_map(Process::read).count(), 2);
}

#[test]
fn no_more_wait_than_are_there() {
    let row = &ledger().rows[1];
    row.note_waiting(5);
    assert_eq!(row.longest(), 0);
    (0..3).for_each(|_| row.lanes[4].arrive());
    row.lanes[9].end(200, false, 1, None, None);
    row.note_waiting(1);
    row.note_waiting(u32::MAX);
    assert_eq!(row.longest(), 2);
}

#[test]
fn a_reason_is_read_whole_or_not_at_all() {
    let place: &'static Place = &ledger().rows[1].places[0];
    assert!(!place.is_open(), "nobody was there");
    place.start();
    assert!(place.is_open());
    place.close();
    assert!(!place.is_open());
    let texts = [[b'a'; 96], [b'b'; 96]];
    let writers = texts.map(|text| std::thread::spawn(move || (0..20_000).for_each(|_| place.end(&text, 5))));
    while writers.iter().any(|writer| !writer.is_finished()) {
        if let Some(ended) = place.ended() {
            let first = ended.reason.chars().next();
            assert!(ended.reason.chars().all(|c| Some(c) == first), "{}", ended.reason);
        }
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(place.ends(), 40_000);
}

#[test]
fn a_place_keeps_its_number_and_counts() {
    let row = &ledger().rows[1];
    row.process(7, |_| false).unwrap().begin(Role::Worker(3), 2, 99);
    row.process(8, |_| false).unwrap().begin(Role::Template, 2, 100);
    let seen: Vec<_> = row.processes.iter().filter_map(Process::read).collect();
    assert_eq!(seen, [(7, Role::Worker(3), 2, 99), (8, Role::Template, 2, 100)]);
    row.processes[0].end(9);
    assert!(row.processes[0].read().is_some(), "another one has the place by now");
    row.processes[0].end(7);
    assert_eq!(row.processes[0].read(), None);
    let place = &row.places[3];
    assert_eq!((place.ends(), place.ended()), (0, None));
    place.end(b"one", 5);
    place.end(b"another", 6);
    assert_eq!((place.ends(), place.ended()), (2, Some(Ended { at: 6, reason: "another".into() })));
}

#[test]
fn the_journal_has_the_latest() {
    let journal = &ledger().rows[0].journal;
    assert!(journal.read().is_empty());
    for number in 0..50 {
        journal.write(number, Level::Error, 1, 5, format!("line {number}\nx").as_bytes());
    }
    let notes = journal.read();
    assert_eq!(notes.len(), 16);
    assert_eq!((notes[0].number, &notes[0].text[..]), (49, "line 49\u{fffd}x"));
    journal.write(1, Level::Error, 1, 5, &[b'y'; 9999]);
    assert_eq!(journal.read()[0].text.len(), 480);
}

#[test]
fn whatever_stands_there_can_be_read() {
    let mut next = 1u64;
    let mut random = || {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        next ^ (next >> 29)
    };
    for round in 0..3 {
        let pattern: Vec<u64> = (0..997).map(|_| if round == 0 { u64::MAX } else { random() }).collect();
        let mut words = vec![0u64; size_of::<Ledger>() / 8 + 8];
        words.chunks_mut(pattern.len()).for_each(|chunk| chunk.copy_from_slice(&pattern[..chunk.len()]));
        let ledger = of(words);
        let _ = ledger.entries.iter().filter_map(Entry::read).count();
        let _ = ledger.children.iter().filter_map(Child::read).count();
        for row in ledger.rows.iter().take(8) {
            let _ = (row.totals().ended(), row.longest());
            let _ = row.processes.iter().filter_map(Process::read).count();
            let _ = row.places.iter().filter_map(Place::ended).count();
            assert!(row.journal.read().len() <= 16);
            row.journal.write(1, Level::Info, 1, 1, b"x");
            row.lanes[0].end(200, false, 1, Some(1), Some(1));
        }
    }
}
