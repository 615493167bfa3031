use super::*;
use std::hint::black_box;
use std::time::Instant;

/// Memory of a scoreboard, as a group has it.
fn board(slots: usize, records: usize) -> Board<'static> {
    let words = vec![[0u64; 8]; Scoreboard::size(slots, records) / 64 + 1];
    let start = words.leak().as_ptr().cast::<u8>();
    let start = start.wrapping_add(start.align_offset(64)).cast::<Scoreboard>();
    // SAFETY: zeros, of that size behind the next multiple of 64, for good.
    unsafe { Board::new(&*start, slots, records) }
}

fn open(board: &Board<'_>, slot: usize, generation: u32, threads: u32) {
    board.slots[slot].open(generation, threads, 0, board.connections(slot));
}

#[test]
fn as_many_claims_as_threads() {
    let board = board(1, 1);
    let slot = &board.slots[0];
    assert_eq!(slot.claim(7, 2), None);
    open(&board, 0, 7, 2);
    assert_eq!([slot.claim(7, 2), slot.claim(7, 2), slot.claim(7, 2)], [Some(true), Some(true), Some(false)]);
    slot.release(7);
    assert_eq!(slot.claim(7, 2), Some(true));
    assert_eq!(slot.claim(8, 2), None, "another generation");
    slot.close();
    assert_eq!(slot.claim(7, 2), None);
    assert_eq!(slot.claimed(), 2, "those that were made are kept");
    slot.release(8);
    slot.release(7);
    assert_eq!(slot.claimed(), 1);
}

#[test]
fn places_are_no_more_than_threads() {
    let board = board(1, 1);
    let slot = &board.slots[0];
    assert!(!slot.has_place());
    open(&board, 0, 7, 3);
    assert_eq!(slot.places(), 3);
    assert!(!slot.rings(Some(9)) && !slot.rings(None), "nobody sleeps");
    slot.bell().store(2, Ordering::SeqCst);
    assert!(!slot.rings(Some(2)) && slot.rings(Some(3)) && !slot.rings(Some(3)), "once");
    slot.bell().store(2, Ordering::SeqCst);
    assert!(slot.rings(None) && !slot.rings(None));
    for (places, expected) in [(0, 1), (1, 1), (2, 2), (3, 3), (4, 3), (u32::MAX, 3)] {
        slot.set_places(places);
        assert_eq!(slot.places(), expected, "{places}");
    }
    slot.set_places(1);
    assert!(slot.has_place());
    assert_eq!(slot.claim(7, slot.places()), Some(true));
    assert!(!slot.has_place());
}

#[test]
fn only_the_dead_are_cleared() {
    let board = board(1, 1);
    let slot = &board.slots[0];
    assert!(slot.take(10, 5));
    open(&board, 0, 7, 2);
    slot.clear_dead(9);
    assert!(slot.is_open() && slot.pid.load(Ordering::SeqCst) == 10);
    slot.clear_dead(10);
    assert!(!slot.is_open() && slot.pid.load(Ordering::SeqCst) == 0);
    assert!(slot.is_of(7), "its requests look here at how far they were");
}

#[test]
fn the_phases_of_a_worker() {
    let board = board(1, 1);
    let slot = &board.slots[0];
    assert_eq!(slot.phase(), Phase::Ended);
    assert!(slot.take(10, 5) && !slot.take(11, 6));
    assert_eq!((slot.phase(), slot.begun()), (Phase::Starting, 5));
    open(&board, 0, 7, 2);
    assert_eq!(slot.phase(), Phase::Serving);
    slot.close();
    assert_eq!(slot.phase(), Phase::Draining);
    slot.clear();
    assert_eq!(slot.phase(), Phase::Ended);
}

#[test]
fn the_parts_stand_one_behind_the_other() {
    for (slots, records) in [(1, 1), (5, 3), (256, 64)] {
        let board = board(slots, records);
        let size = Scoreboard::size(slots, records);
        assert_eq!((board.size(), Scoreboard::slots_in(size, records)), (size, slots));
        assert_eq!(Scoreboard::slots_in(size - 1, records), slots - 1);
        let at = |part: *const u8| part.addr() - core::ptr::from_ref(board.group).addr();
        assert_eq!(at(board.children.as_ptr().cast()), 64);
        assert_eq!(at(board.slots.as_ptr().cast()), 64 + 16 * CHILDREN);
        let last = board.records(slots - 1);
        assert_eq!(at(last.as_ptr_range().end.cast()), at(board.gils.as_ptr().cast()));
        assert_eq!(at(board.gils.as_ptr_range().end.cast()), size);
        assert_eq!((last.len(), board.connections(slots - 1).len()), (records, CONNECTIONS));
        assert!(board.records(slots).is_empty() && board.connections(usize::MAX).is_empty());
    }
    assert_eq!(Scoreboard::slots_in(0, 64), 0);
    assert_eq!((size_of::<WorkerSlot>(), size_of::<RequestRecord>()), (64, 256));
    assert_eq!([0, 64, 65, 65_533].map(records), [64, 64, 128, 65_536]);
    assert_eq!(records(u32::MAX), 65_536);
}

fn title<'a>(method: &'a [u8], path: &'a [u8]) -> Title<'a> {
    Title { method, path, id: b"Zm9vYmFyYmF6cXV4" }
}

#[test]
fn a_request_is_seen() {
    let board = board(2, 3);
    let record = &board.records(1)[2];
    let seen = record.read().unwrap();
    assert_eq!((seen.state, &*seen.method, &*seen.path), (State::Idle, "", ""));
    record.begin(1000, 7, &title(b"PROPFIND", b"/a/b%20c"));
    record.enter(State::Running, 1500);
    let seen = record.read().unwrap();
    assert_eq!((&*seen.method, &*seen.path, &*seen.id), ("PROPFIND", "/a/b%20c", "Zm9vYmFyYmF6cXV4"));
    assert_eq!((seen.state, seen.taken, seen.since, seen.connection), (State::Running, 1000, 1500, 7));
    record.count_bytes(10, 20);
    record.end(1700, true);
    record.begin(2000, 7, &title(b"GET", b"/"));
    record.end(2100, false);
    let counters = Counters { requests: 2, failed: 1, busy: 800, read: 10, sent: 20 };
    assert_eq!(record.counters(), counters);
    let seen = record.read().unwrap();
    assert_eq!((seen.state, seen.since, &*seen.path), (State::Idle, 2100, "/"), "the last one stays");
    record.clear();
    assert_eq!(record.counters(), Counters::default());
    assert_eq!(board.records(0)[2].counters(), Counters::default());
}

#[test]
fn texts_are_cut_and_made_readable() {
    let board = board(1, 1);
    let record = &board.records(0)[0];
    record.begin(0, 0, &Title { method: &[b'M'; 100], path: &[b'/'; 1000], id: &[b'i'; 100] });
    let seen = record.read().unwrap();
    assert_eq!((seen.method.len(), seen.path.len(), seen.id.len()), (METHOD, PATH, ID));
    record.begin(0, 0, &title(b"GET\x1b[31m", "/\u{e9}\n\0/hidden".as_bytes()));
    let seen = record.read().unwrap();
    assert_eq!((&*seen.method, &*seen.path), ("GET?[31m", "/???"), "a shorter one ends where it ends");
}

#[test]
fn whatever_stands_there_is_read() {
    let board = board(1, 1);
    let record = &board.records(0)[0];
    let mut seed = 1u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed ^ seed >> 33
    };
    for state in 0..8000 {
        record.scribble(0, state % 4, &mut random);
        let seen = record.read().unwrap();
        assert!(seen.path.len() <= PATH && seen.path.bytes().all(|byte| byte.is_ascii_graphic()));
        let mut all = record.counters();
        all += all;
    }
    record.scribble(1, 0, &mut random);
    assert_eq!(record.read(), None, "its writer has died in the middle");
    record.scribble(0, 4, &mut random);
    assert_eq!(record.read(), None, "no state");
    record.begin(5, 0, &title(b"GET", b"/"));
    assert_eq!(record.read().map(|seen| seen.taken), Some(5));
}

#[test]
fn no_record_is_read_that_is_of_two_requests() {
    let board = board(1, 1);
    let record = &board.records(0)[0];
    let texts = [[b'a'; PATH], [b'b'; PATH]];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..200_000i64 {
                record.begin(number, number as usize, &title(b"GET", &texts[number as usize % 2]));
            }
        });
        let (mut last, mut whole) = (-1, 0);
        while last < 199_999 {
            let Some(seen) = record.read() else { continue };
            last = seen.taken;
            if seen.path.is_empty() {
                continue;
            }
            assert_eq!((seen.since, seen.connection), (last, last as u64));
            assert_eq!(seen.path.as_bytes(), texts[last as usize % 2]);
            whole += 1;
        }
        assert!(whole > 0);
    });
}

#[test]
fn the_children_say_what_waits() {
    let board = board(1, 1);
    let slot = &board.children[0];
    let alive = |_| false;
    assert!(slot.take(10, alive) && slot.take(10, alive) && !slot.take(11, alive));
    assert_eq!(slot.waiting(), None);
    slot.begin(100);
    slot.begin(200);
    assert_eq!(slot.waiting(), Some((10, 2, 100)));
    slot.end();
    assert_eq!(slot.waiting(), Some((10, 1, 100)));
    slot.end();
    slot.end();
    assert_eq!(slot.waiting(), None);
    slot.begin(300);
    assert_eq!(slot.waiting(), Some((10, 1, 300)));
    assert!(slot.take(11, |pid| pid == 10) && slot.is_of(11));
    assert_eq!(slot.waiting(), None, "what the dead one waited for");
}

/// A note of a request is so cheap that it need not be switched off.
#[test]
fn a_note_takes_little_time() {
    const COUNT: i64 = 100_000;
    let board = board(1, 1);
    let record = &board.records(0)[0];
    let best = (0..5).map(|_| {
        let begun = Instant::now();
        // A worker reads the clock each time.
        let now = || begun.elapsed().as_micros() as i64;
        for _ in 0..COUNT {
            record.begin(now(), 1, &black_box(title(b"GET", b"/a/path/of/usual/length/index.html")));
            record.enter(State::Running, now());
            record.count_bytes(1, 2);
            record.enter(State::Ending, now());
            record.end(now(), false);
        }
        begun.elapsed()
    });
    let best = best.min().unwrap_or_default();
    let each = best.as_nanos() as i64 / COUNT;
    println!("{each} ns a request");
    // Without optimisation it takes a hundred times as long.
    assert!(cfg!(debug_assertions) || each < 300, "{each} ns");
}
