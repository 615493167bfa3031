//! Every transition by name, the neighbours of each, and a random walk.

use super::super::state::BETWEEN_LOOKS;
use super::*;

const NOW: i64 = 1_000_000_000;
const KEY: u64 = 7;
const GROUP: NextInterpreter = NextInterpreter::Group;
const FRESH: NextInterpreter = NextInterpreter::Fresh;

fn record(next: i64) -> Record {
    Record { next, ..Record::default() }
}

fn wants(progress: &mut Progress) -> Wanted {
    progress.want(Want { is_newer: false, has_tried: false, key: KEY }, NOW)
}

/// A request works on the start.
fn ask(progress: &mut Progress) -> Ticket {
    match wants(progress) {
        Wanted::Yours { ticket, .. } => ticket,
        other => panic!("{other:?} in {progress:?}"),
    }
}

/// The event counts; answers whether it wakes those who wait.
fn does(progress: &mut Progress, by: Ticket, event: Event) -> bool {
    let answer = progress.on(by, event.clone(), NOW);
    assert_eq!(answer.counts, Counts::Yes, "{event:?} in {progress:?}");
    answer.wake
}

/// The event does not count, changes nothing and wakes nobody.
fn ignores(progress: &mut Progress, by: Ticket, event: Event) {
    let before = progress.state.clone();
    let answer = progress.on(by, event.clone(), NOW);
    assert_eq!(answer, Answer { counts: Counts::No, wake: false }, "{event:?} in {before:?}");
    assert_eq!(progress.state, before, "{event:?}");
}

fn all_events() -> Vec<Event> {
    vec![
        Event::Queued,
        Event::LetGo,
        Event::Refused(None),
        Event::Refused(Some((KEY, record(NOW + 1)))),
        Event::Begun,
        Event::InterpreterMade,
        Event::Warms,
        Event::Ended { well: true },
        Event::Ended { well: false },
        Event::Broken,
        Event::TimedOut { next: FRESH },
        Event::TimeOutKnown,
        Event::CameBack,
        Event::Proven,
        Event::Failed { next: FRESH },
    ]
}

/// A request asked, and its attempt is made.
fn begun() -> (Progress, Ticket) {
    let mut progress = Progress::default();
    let ticket = begin(&mut progress);
    (progress, ticket)
}

fn begin(progress: &mut Progress) -> Ticket {
    let ticket = ask(progress);
    assert!(!does(progress, ticket, Event::Queued));
    assert!(!does(progress, ticket, Event::Begun));
    ticket
}

fn ended(well: bool) -> (Progress, Ticket) {
    let (mut progress, ticket) = begun();
    assert!(!does(&mut progress, ticket, Event::Ended { well }));
    (progress, ticket)
}

fn ready() -> (Progress, Ticket) {
    let (mut progress, ticket) = ended(true);
    assert!(does(&mut progress, ticket, Event::Proven), "those who wait look again");
    (progress, ticket)
}

fn failed(next: NextInterpreter) -> (Progress, Ticket) {
    let (mut progress, ticket) = ended(false);
    assert!(does(&mut progress, ticket, Event::Failed { next }), "those who wait look again");
    (progress, ticket)
}

/// The attempt's time is over; the watchdog is about to write that down.
fn timing_out(next: NextInterpreter) -> (Progress, Ticket) {
    let (mut progress, ticket) = begun();
    assert!(!does(&mut progress, ticket, Event::TimedOut { next }));
    (progress, ticket)
}

fn timed_out(next: NextInterpreter) -> (Progress, Ticket) {
    let (mut progress, ticket) = timing_out(next);
    assert!(does(&mut progress, ticket, Event::TimeOutKnown), "those who wait look again");
    (progress, ticket)
}

/// One of each state, with the ticket that works on the start, or did last.
fn all_states() -> Vec<(&'static str, Progress, Ticket)> {
    let named = |name, (progress, ticket)| (name, progress, ticket);
    let mut asked = Progress::default();
    let asker = ask(&mut asked);
    let mut queued = asked.clone();
    does(&mut queued, asker, Event::Queued);
    let mut warming = begun();
    does(&mut warming.0, warming.1, Event::Warms);
    vec![
        ("empty", Progress::default(), Ticket(0)),
        ("asked", asked, asker),
        ("queued", queued, asker),
        named("loading", begun()),
        named("warming", warming),
        named("ended well", ended(true)),
        named("ended badly", ended(false)),
        named("timing out", timing_out(FRESH)),
        named("timed out", timed_out(FRESH)),
        named("ready", ready()),
        named("failed", failed(GROUP)),
    ]
}

#[test]
fn empty_to_ready() {
    let (mut progress, ticket) = begun();
    assert!(!does(&mut progress, ticket, Event::Warms));
    assert!(!does(&mut progress, ticket, Event::Ended { well: true }));
    assert!(does(&mut progress, ticket, Event::Proven));
    assert_eq!(progress.state, State::Still(Still::Ready));
}

#[test]
fn each_state_takes_the_events_of_its_owner_that_belong_to_it_and_no_others() {
    for (name, progress, ticket) in all_states() {
        let taken: Vec<String> = all_events()
            .into_iter()
            .filter(|event| progress.clone().on(ticket, event.clone(), NOW).counts == Counts::Yes)
            .map(|event| format!("{event:?}").split([' ', '(']).next().unwrap_or_default().to_owned())
            .collect();
        let wanted: &[&str] = match name {
            "asked" => &["Queued", "LetGo", "Refused", "Refused"],
            "queued" => &["LetGo", "Refused", "Refused", "Begun"],
            "loading" => &["InterpreterMade", "Warms", "Ended", "Ended", "Broken", "TimedOut"],
            "warming" => &["InterpreterMade", "Ended", "Ended", "Broken", "TimedOut"],
            "ended well" => &["Broken", "Proven", "Failed"],
            "ended badly" => &["Broken", "Failed"],
            "timing out" => &["TimeOutKnown", "CameBack"],
            "timed out" => &["CameBack"],
            _ => &[],
        };
        assert_eq!(taken, wanted, "{name}");
    }
}

#[test]
fn nobody_but_the_owner_changes_anything() {
    for (name, mut progress, ticket) in all_states() {
        for stranger in [Ticket(ticket.0.wrapping_sub(1)), Ticket(ticket.0 + 1)] {
            for event in all_events() {
                ignores(&mut progress, stranger, event);
            }
            assert!(!progress.is_made(stranger), "{name}");
        }
    }
}

#[test]
fn a_second_request_waits_in_every_state_that_moves_and_owns_the_others() {
    for (name, mut progress, ticket) in all_states() {
        let moves = !matches!(name, "empty" | "timed out" | "ready" | "failed");
        assert_eq!(progress.is_moving(), moves, "{name}");
        match wants(&mut progress) {
            Wanted::Moves => assert!(moves, "{name}"),
            Wanted::Yours { ticket: other, failed, hung } => {
                assert!(!moves && other != ticket, "{name}");
                assert_eq!(failed, matches!(name, "timed out" | "failed"), "{name}");
                assert_eq!(hung, usize::from(name == "timed out"), "{name}");
                assert_eq!(wants(&mut progress), Wanted::Moves, "it has one owner: {name}");
            }
            other => panic!("{other:?} in {name}"),
        }
    }
}

#[test]
fn who_finds_something_newer_is_served_and_who_has_tried_in_vain_is_refused() {
    let newer = Want { is_newer: true, has_tried: false, key: KEY };
    let tried = Want { is_newer: false, has_tried: true, key: KEY };
    assert_eq!(ready().0.want(newer, NOW), Wanted::Serves);
    assert!(
        matches!(ready().0.want(tried, NOW), Wanted::Yours { failed: false, .. }),
        "it is to be reloaded"
    );
    assert_eq!(failed(GROUP).0.want(tried, NOW), Wanted::Failed);
    assert_eq!(timed_out(GROUP).0.want(tried, NOW), Wanted::Failed);
    // What serves although the reload failed is no reason not to try again.
    assert!(matches!(failed(GROUP).0.want(newer, NOW), Wanted::Yours { failed: true, .. }));
    assert!(matches!(Progress::default().want(tried, NOW), Wanted::Yours { failed: false, .. }));
}

#[test]
fn who_lets_go_leaves_it_as_it_was() {
    for (mut progress, _) in [(Progress::default(), Ticket(0)), ready(), failed(FRESH), timed_out(FRESH)] {
        let before = progress.state.clone();
        let ticket = ask(&mut progress);
        assert!(does(&mut progress, ticket, Event::LetGo), "those who wait look again");
        assert_eq!(progress.state, before);
        let ticket = ask(&mut progress);
        does(&mut progress, ticket, Event::Queued);
        assert!(does(&mut progress, ticket, Event::LetGo), "the loader found another process at it");
        assert_eq!(progress.state, before);
    }
}

#[test]
fn a_refusal_is_repeated_for_a_while_for_its_key_until_the_next_attempt_is_due() {
    let refused = |next| {
        let mut progress = Progress::default();
        let ticket = ask(&mut progress);
        assert!(does(&mut progress, ticket, Event::Refused(Some((KEY, record(next))))));
        progress
    };
    let want = |key| Want { is_newer: false, has_tried: false, key };
    let (long, short) = (NOW + 60_000_000, NOW + 5_000);
    for (next, key, now, repeated) in [
        (long, KEY, NOW, true),
        (long, KEY, NOW + BETWEEN_LOOKS - 1, true),
        (long, KEY, NOW + BETWEEN_LOOKS, false),
        (long, KEY + 1, NOW, false),
        (short, KEY, short - 1, true),
        (short, KEY, short, false),
    ] {
        let answer = refused(next).want(want(key), now);
        if repeated {
            assert_eq!(answer, Wanted::Refused(record(next)), "{next} {key} {now}");
        } else {
            assert!(matches!(answer, Wanted::Yours { failed: true, .. }), "{next} {key} {now}: {answer:?}");
        }
    }
    // The loader's refusal is none of a request: the next one asks.
    let mut progress = Progress::default();
    let ticket = ask(&mut progress);
    does(&mut progress, ticket, Event::Queued);
    assert!(does(&mut progress, ticket, Event::Refused(None)));
    ask(&mut progress);
    // Nor is one kept beyond an attempt.
    let mut progress = refused(long);
    let Wanted::Yours { ticket, .. } = progress.want(want(KEY + 1), NOW) else { panic!("another key") };
    does(&mut progress, ticket, Event::Queued);
    does(&mut progress, ticket, Event::Begun);
    does(&mut progress, ticket, Event::Ended { well: false });
    does(&mut progress, ticket, Event::Failed { next: GROUP });
    ask(&mut progress);
}

#[test]
fn an_attempt_is_settled_by_whoever_comes_first() {
    for well in [true, false] {
        let (mut progress, ticket) = ended(well);
        ignores(&mut progress, ticket, Event::Ended { well: !well });
        ignores(&mut progress, ticket, Event::TimedOut { next: FRESH });
        let (mut progress, ticket) = timing_out(FRESH);
        ignores(&mut progress, ticket, Event::TimedOut { next: GROUP });
        ignores(&mut progress, ticket, Event::Ended { well });
        assert!(progress.hung.is_empty(), "its thread has come back");
    }
    // The warm-up of an attempt that has timed out does not begin.
    let (mut progress, ticket) = timed_out(GROUP);
    ignores(&mut progress, ticket, Event::Warms);
}

#[test]
fn ready_only_after_a_good_end() {
    let (mut progress, ticket) = ended(false);
    ignores(&mut progress, ticket, Event::Proven);
    let (mut progress, ticket) = begun();
    ignores(&mut progress, ticket, Event::Proven);
    // A good end that could not be made use of is a failure.
    let (mut progress, ticket) = ended(true);
    does(&mut progress, ticket, Event::Broken);
    ignores(&mut progress, ticket, Event::Proven);
    assert!(does(&mut progress, ticket, Event::Failed { next: GROUP }));
}

#[test]
fn coming_back_while_the_time_out_is_written_down() {
    let (mut progress, ticket) = timing_out(FRESH);
    ignores(&mut progress, ticket, Event::Ended { well: true });
    assert!(!does(&mut progress, ticket, Event::CameBack), "it moves still");
    assert!(progress.is_made(ticket));
    ignores(&mut progress, ticket, Event::TimeOutKnown);
    assert!(does(&mut progress, ticket, Event::Proven));
    assert_eq!(progress.next_interpreter(), GROUP);
}

#[test]
fn coming_back_when_requests_are_refused_already() {
    let (mut progress, ticket) = timed_out(FRESH);
    assert!(!progress.is_made(ticket));
    ignores(&mut progress, ticket, Event::Ended { well: true });
    assert!(!does(&mut progress, ticket, Event::CameBack));
    ignores(&mut progress, ticket, Event::CameBack);
    assert_eq!(wants(&mut progress), Wanted::Moves);
    assert!(does(&mut progress, ticket, Event::Proven));
}

#[test]
fn coming_back_while_a_request_asks_has_to_wait_for_the_answer() {
    for queued in [false, true] {
        let (mut progress, late) = timed_out(GROUP);
        let ticket = ask(&mut progress);
        if queued {
            does(&mut progress, ticket, Event::Queued);
        }
        let before = progress.state.clone();
        let answer = progress.on(late, Event::CameBack, NOW);
        assert_eq!(answer, Answer { counts: Counts::NotYet, wake: false });
        assert_eq!(progress.state, before);
        // The request finds that no attempt is to be made.
        let mut free = progress.clone();
        assert!(does(&mut free, ticket, Event::Refused(None)));
        assert!(!does(&mut free, late, Event::CameBack));
        // Or has one made.
        if !queued {
            does(&mut progress, ticket, Event::Queued);
        }
        does(&mut progress, ticket, Event::Begun);
        ignores(&mut progress, late, Event::CameBack);
    }
}

#[test]
fn coming_back_after_another_attempt_was_made_counts_for_nothing() {
    let (mut progress, late) = timed_out(FRESH);
    let second = begin(&mut progress);
    for event in all_events() {
        ignores(&mut progress, late, event);
    }
    does(&mut progress, second, Event::Ended { well: false });
    ignores(&mut progress, late, Event::CameBack);
    assert!(does(&mut progress, second, Event::Failed { next: GROUP }));
    ignores(&mut progress, late, Event::CameBack);
    let third = begin(&mut progress);
    does(&mut progress, third, Event::Ended { well: true });
    does(&mut progress, third, Event::Proven);
    ignores(&mut progress, late, Event::CameBack);
    assert_eq!(progress.state, State::Still(Still::Ready));
}

#[test]
fn a_panic_ends_an_attempt_once() {
    let (mut progress, ticket) = begun();
    assert!(!does(&mut progress, ticket, Event::Broken));
    assert!(does(&mut progress, ticket, Event::Failed { next: GROUP }));
    let (mut progress, ticket) = timed_out(GROUP);
    assert_eq!(progress.hung, [ticket]);
    ignores(&mut progress, ticket, Event::Broken);
    assert!(progress.hung.is_empty(), "its thread has come back");
}

#[test]
fn threads_that_hang_are_counted_until_they_come_back() {
    let mut progress = Progress::default();
    let mut hung = Vec::new();
    for count in 1..=3 {
        let ticket = begin(&mut progress);
        does(&mut progress, ticket, Event::TimedOut { next: GROUP });
        does(&mut progress, ticket, Event::TimeOutKnown);
        hung.push(ticket);
        assert_eq!(progress.hung.len(), count);
    }
    for ticket in hung {
        let left = progress.hung.len();
        ignores(&mut progress, ticket, Event::Ended { well: false });
        ignores(&mut progress, ticket, Event::Ended { well: false });
        assert_eq!(progress.hung.len(), left - 1, "each is counted once");
    }
}

#[test]
fn a_spoiled_interpreter_is_replaced_once() {
    for (mut progress, _) in [failed(FRESH), timed_out(FRESH)] {
        assert_eq!(progress.next_interpreter(), FRESH);
        let ticket = ask(&mut progress);
        assert_eq!(progress.next_interpreter(), FRESH);
        does(&mut progress, ticket, Event::Refused(None));
        assert_eq!(progress.next_interpreter(), FRESH, "none was made");
        let ticket = begin(&mut progress);
        assert_eq!(progress.next_interpreter(), FRESH);
        does(&mut progress, ticket, Event::InterpreterMade);
        assert_eq!(progress.next_interpreter(), GROUP);
        does(&mut progress, ticket, Event::Warms);
        does(&mut progress, ticket, Event::Ended { well: false });
        does(&mut progress, ticket, Event::Failed { next: FRESH });
        assert_eq!(progress.next_interpreter(), FRESH);
    }
    let (mut progress, ticket) = timing_out(FRESH);
    ignores(&mut progress, ticket, Event::InterpreterMade);
    assert_eq!(progress.next_interpreter(), FRESH, "the one that hangs is not for the next attempt");
    assert_eq!(ready().0.next_interpreter(), GROUP);
}

/// Numbers below `most`, the same in each run (xorshift).
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |most| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % most as u64) as usize
    }
}

#[test]
fn a_random_walk_keeps_what_is_promised() {
    let mut happened = std::collections::BTreeMap::new();
    for seed in 1..=300 {
        let mut dice = dice(seed * 0x9E37_79B9);
        let mut progress = Progress::default();
        let mut tickets: Vec<Ticket> = Vec::new();
        let (mut settled, mut well): (Vec<Ticket>, Option<Ticket>) = (Vec::new(), None);
        let (mut newest, mut now) = (None, NOW);
        for _ in 0..1500 {
            now += dice(60_000) as i64;
            let before = progress.clone();
            if tickets.is_empty() || dice(4) == 0 {
                let want = Want { is_newer: dice(2) == 0, has_tried: dice(8) == 0, key: dice(2) as u64 };
                match progress.want(want, now) {
                    Wanted::Yours { ticket, hung, .. } => {
                        assert!(!before.is_moving() && !tickets.contains(&ticket), "at most one owner");
                        assert_eq!(hung, before.hung.len());
                        tickets.push(ticket);
                        continue;
                    }
                    Wanted::Moves => assert!(before.is_moving()),
                    Wanted::Serves => assert_eq!(before.state, State::Still(Still::Ready)),
                    Wanted::Failed | Wanted::Refused(_) => {
                        assert!(matches!(before.state, State::Still(Still::Failed(_))));
                    }
                }
                assert_eq!(progress.state, before.state);
                continue;
            }
            // Mostly the last ones: else nothing gets far.
            let by = tickets[tickets.len() - 1 - dice(tickets.len().min(3))];
            let events = all_events();
            let event = events[dice(events.len())].clone();
            let answer = progress.on(by, event.clone(), now);
            let (was_moving, moves) = (before.is_moving(), progress.is_moving());
            assert_eq!(answer.wake, was_moving && !moves, "{event:?} in {before:?}: who waits is woken");
            assert!(moves || was_moving || answer.counts != Counts::Yes, "nothing but a change counts");
            if answer.counts != Counts::Yes {
                assert_eq!(progress.state, before.state, "{event:?}");
                continue;
            }
            *happened.entry(format!("{event:?}")).or_insert(0) += 1;
            match event {
                Event::Begun => newest = Some(by),
                Event::Ended { .. } | Event::TimedOut { .. } => {
                    assert!(!settled.contains(&by), "an attempt is settled once");
                    settled.push(by);
                    well = matches!(event, Event::Ended { well: true }).then_some(by);
                }
                Event::CameBack => {
                    assert!(settled.contains(&by), "it had timed out");
                    assert_eq!(newest, Some(by), "a late attempt overwrites no newer one");
                    well = Some(by);
                }
                Event::Broken => well = None,
                Event::Proven => assert_eq!(well, Some(by), "Ready only after a good end"),
                _ => {}
            }
            let ready = progress.state == State::Still(Still::Ready);
            let was_let_go = event == Event::LetGo;
            assert!(!ready || was_let_go || event == Event::Proven, "{event:?} makes nothing ready");
            assert!(progress.hung.iter().all(|hung| settled.contains(hung)), "what hangs has timed out");
        }
    }
    for event in all_events() {
        assert!(happened.get(&format!("{event:?}")) > Some(&50), "{event:?} is too rare: {happened:?}");
    }
}

#[test]
fn whatever_happened_a_start_can_be_brought_to_an_end() {
    for (name, mut progress, ticket) in all_states() {
        let ways = [
            Event::LetGo,
            Event::TimedOut { next: GROUP },
            Event::TimeOutKnown,
            Event::Failed { next: GROUP },
        ];
        let moved = progress.is_moving();
        let woken = ways.into_iter().filter(|event| progress.on(ticket, event.clone(), NOW).wake).count();
        assert!(!progress.is_moving(), "{name}: {progress:?}");
        assert_eq!(woken, usize::from(moved), "{name}: who waits is woken once");
    }
}
