//! Deaths: how soon the next process is started, and what the log says.

use super::one::serving;
use super::*;

/// The next start after each of these, and the state.
fn next_starts(mut group: Group, events: &[(f64, Event)]) -> Vec<String> {
    let states = events.iter().map(|(seconds, event)| {
        group.on(event.clone(), at(*seconds));
        show_group(&group)
    });
    states.collect()
}

#[test]
fn one_that_dies_young_is_replaced_at_once_and_then_more_slowly() {
    let mut group = serving();
    let mut states = Vec::new();
    for (pid, seconds) in [(1, 2.0), (2, 4.0), (3, 6.0), (4, 10.0)] {
        let next = [
            (seconds, died(pid, SIGKILL)),
            (seconds + 2.0, Event::Tick),
            (seconds + 2.0, started(0, pid + 1)),
            (seconds + 2.0, ready(pid + 1, 0)),
        ];
        group = after(group, &next[..1]);
        states.push(show_group(&group));
        group = after(group, &next[1..]);
    }
    let next = ["next 2, deaths 1", "next 5, deaths 2", "next 8, deaths 3", "next 14, deaths 4"];
    assert_eq!(states, next.map(|next| format!("[empty, {next}]")));
}

#[test]
fn one_that_grew_old_is_replaced_at_once() {
    let events = [
        (2.0, died(1, SIGKILL)),
        (2.0, Event::Tick),
        (2.0, started(0, 2)),
        (3.0, ready(2, 0)),
        (12.0, died(2, SIGKILL)),
    ];
    let states = next_starts(serving(), &events);
    assert_eq!(states[3..], ["[serving 2, deaths 1]", "[empty]"]);
}

#[test]
fn after_the_third_death_at_an_application_the_next_one_starts_at_once() {
    let mut events = Vec::new();
    for (pid, seconds) in [(1, 0.0), (2, 10.0), (3, 20.0), (4, 30.0)] {
        events.extend([
            (seconds, started(0, pid)),
            (seconds, starts(pid)),
            (seconds + 1.0, died(pid, SIGKILL)),
            (seconds + 10.0, Event::Tick),
        ]);
    }
    let group = after(one(), &[(0.0, Event::Tick)]);
    let states = next_starts(group, &events);
    let after_deaths: Vec<&String> = states.iter().skip(2).step_by(4).collect();
    assert_eq!(
        after_deaths,
        [
            "[empty, next 2, failures 1, held] died 1",
            "[empty, next 13, failures 2, held] died 2",
            "[empty, failures 3, held] died 3",
            "[empty, next 39, failures 4, held] died 4",
        ]
    );
}

#[test]
fn what_the_log_says_depends_on_what_the_process_did() {
    let texts = |mut group: Group, events: &[(f64, Event)]| {
        let actions = events.iter().flat_map(|(seconds, event)| group.on(event.clone(), at(*seconds)));
        let lines = actions.filter(|action| matches!(action, Action::Log(Line::Died(_))));
        show_actions(&lines.collect::<Vec<_>>())
    };
    let starting = || after(one(), &[(0.0, Event::Tick), (0.0, started(0, 1))]);
    let words = Event::Ends { pid: 1, words: Some("words".into()) };
    let gave_up = Event::GaveUp { pid: 1, why: "why".into() };
    assert_eq!(
        texts(starting(), &[(60.0, Event::Tick), (60.0, died(1, SIGKILL))]),
        "log died 1 Starting SlowStart"
    );
    assert_eq!(
        texts(starting(), &[(1.0, gave_up), (1.0, words.clone()), (1.0, died(1, CLEAN))]),
        "log died 1 Starting Said"
    );
    assert_eq!(
        texts(serving(), &[(2.0, words.clone()), (2.0, died(1, CLEAN))]),
        "log died 1 Serving Words(\"words\")"
    );
    assert_eq!(
        texts(serving(), &[(2.0, words), (2.0, Event::Ends { pid: 1, words: None }), (2.0, died(1, 11))]),
        "log died 1 Serving Unknown"
    );
    assert_eq!(texts(serving(), &[(2.0, Event::Leave), (3.0, died(1, CLEAN))]), "");
    assert_eq!(
        texts(serving(), &[(2.0, Event::Leave), (3.0, died(1, SIGKILL))]),
        "log died 1 Draining Unknown"
    );
    assert_eq!(
        texts(serving(), &[(2.0, Event::Leave), (30.0, Event::Tick), (30.0, died(1, SIGKILL))]),
        "log died 1 Draining SlowEnd"
    );
}

#[test]
fn the_time_to_end_is_shortened_but_never_extended() {
    let slow = Rules { graceful: Some(Duration::from_secs(100)), shutdown: None, ..rules() };
    let serving = || {
        after(Group::new(slow.clone(), 1), &[(0.0, Event::Tick), (0.0, started(0, 1)), (1.0, ready(1, 0))])
    };
    let limit = |seconds| Event::Stop { limit: Some(Duration::from_secs(seconds)) };
    let states = next_starts(
        serving(),
        &[
            (2.0, Event::Leave),
            (3.0, limit(9)),
            (4.0, limit(5)),
            (5.0, limit(60)),
            (6.0, Event::Stop { limit: None }),
        ],
    );
    let deadlines = ["", " until 12.5", " until 9.5", " until 9.5", " until 9.5"];
    let phases = ["leaving", "ending", "ending", "ending", "ending"];
    let expected =
        phases.iter().zip(deadlines).map(|(phase, until)| format!("{phase} [empty] draining 1{until}"));
    assert_eq!(states, expected.collect::<Vec<_>>());
    // That of the start is no limit for the end.
    let starting = after(Group::new(slow, 1), &[(0.0, Event::Tick), (0.0, started(0, 1))]);
    assert_eq!(next_starts(starting, &[(2.0, Event::Leave)]), ["leaving [empty] draining 1"]);
}

#[test]
fn how_long_an_end_may_take_depends_on_its_reason() {
    let rules = Rules { eviction: Some(Duration::from_secs(7)), ..rules() };
    let times = [
        (Reason::Stop, Some(0), Some(5000)),
        (Reason::FailedStart, Some(0), Some(5000)),
        (Reason::Deadlock, Some(0), Some(500)),
        (Reason::Shutdown, Some(5000), Some(2000)),
        (Reason::Eviction, Some(7000), Some(5000)),
        (Reason::Graceful, Some(15000), Some(5000)),
        (Reason::Generation, Some(15000), Some(5000)),
        (Reason::Script, Some(15000), Some(5000)),
    ];
    let ms = |time: Option<u64>| time.map(Duration::from_millis);
    for (reason, grace, shutdown) in times {
        let terms = Group::new(rules.clone(), 1).terms(reason);
        assert_eq!(terms, Terms { reason, grace: ms(grace), shutdown: ms(shutdown) });
    }
    let unbounded = Group::new(Rules::default(), 1).terms(Reason::Generation);
    let expected = Message::Drain { reason: Reason::Generation, grace: u32::MAX, shutdown: u32::MAX };
    assert_eq!(unbounded.message(), expected);
}
