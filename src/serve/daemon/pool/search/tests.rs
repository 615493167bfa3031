use super::*;

const MS: Duration = Duration::from_millis(1);

fn limits(now: Instant, queue: Option<u32>) -> Limits {
    Limits { queue: queue.map(|ms| now + MS * ms), give_up: now + MS * 5000, connect: MS * 1000 }
}

fn look(deaths: u32, queued: bool) -> Step {
    Step::Look(Looking { deaths, queued })
}

#[test]
fn idle_connections_are_tried_from_the_last_one_on() {
    assert_eq!(begin(0), Choice::Queue);
    assert_eq!(queue(), look(0, false));
    assert_eq!(begin(3), Choice::Claim(Idle { at: 2 }));
    let idle = Idle { at: 2 };
    assert_eq!(idle.claimed(Claim::Made), Choice::Use(idle));
    assert_eq!(idle.claimed(Claim::Busy), Choice::Claim(Idle { at: 1 }));
    assert_eq!(idle.claimed(Claim::Gone), Choice::Close(idle));
    assert_eq!(idle.closed(), Choice::Claim(Idle { at: 1 }));
    assert_eq!(Idle { at: 0 }.claimed(Claim::Busy), Choice::Queue);
    assert_eq!(Idle { at: 0 }.closed(), Choice::Queue);
}

#[test]
fn a_look_at_the_group() {
    let now = Instant::now();
    let (up, down) = (Sight::default(), Sight { is_down: true, is_stopping: false });
    let stopping = Sight { is_down: false, is_stopping: true };
    let connect = |ms| Step::Connect(Connecting { deaths: 3 }, MS * ms);
    let wait = |ms| Step::Await(Waiting { deaths: 3 }, MS * ms);
    for (queued, sight, queue, expected) in [
        (false, up, None, connect(1000)),
        (false, up, Some(300), connect(300)),
        (false, stopping, None, connect(1000)),
        (false, down, None, Step::Fail(Why::Down)),
        (true, up, None, wait(200)),
        (true, up, Some(300), wait(200)),
        (true, up, Some(50), wait(50)),
        (true, up, Some(0), Step::Fail(Why::Late)),
        (true, stopping, None, Step::Fail(Why::Down)),
        (true, down, None, Step::Fail(Why::Down)),
    ] {
        let step = Looking { deaths: 3, queued }.seen(sight, &limits(now, queue), now);
        assert_eq!(step, expected, "{queued} {sight:?} {queue:?}");
    }
}

#[test]
fn a_connection_that_is_made_or_not() {
    let now = Instant::now();
    let connecting = Connecting { deaths: 1 };
    let waiting = Waiting { deaths: 1 };
    assert_eq!(connecting.connected(&limits(now, None), now), Step::Await(waiting, LOOK));
    assert_eq!(connecting.connected(&limits(now, Some(0)), now), Step::Fail(Why::Late));
    let given_up = now + MS * 5000;
    assert_eq!(connecting.connected(&limits(now, None), given_up), Step::Fail(Why::Late));
    for (failure, queue, expected) in [
        (Failure::Timeout, None, Step::Fail(Why::Full)),
        (Failure::Timeout, Some(1), Step::Fail(Why::Full)),
        (Failure::Timeout, Some(0), Step::Fail(Why::Late)),
        (Failure::Closed, None, look(2, false)),
        (Failure::Other, None, Step::Fail(Why::Socket)),
    ] {
        let step = connecting.failed(failure, &limits(now, queue), now);
        assert_eq!(step, expected, "{failure:?} {queue:?}");
    }
}

#[test]
fn the_queue_and_the_greeting() {
    let waiting = Waiting { deaths: 1 };
    assert_eq!(waiting.waited(true), Step::Greet(waiting));
    assert_eq!(waiting.waited(false), look(1, true));
    assert_eq!(waiting.greeted(Greeting::Worker), Step::Adopt);
    assert_eq!(waiting.greeted(Greeting::Nowhere), Step::Fail(Why::Down));
    assert_eq!(waiting.greeted(Greeting::Stranger), Step::Fail(Why::Stranger));
    assert_eq!(waiting.failed(Failure::Closed), look(2, false));
    assert_eq!(waiting.failed(Failure::Timeout), Step::Fail(Why::Socket));
    assert_eq!(waiting.failed(Failure::Other), Step::Fail(Why::Socket));
}

#[test]
fn as_many_workers_may_die_as_there_can_be_bad_luck() {
    let last = MOST_DEATHS - 1;
    assert_eq!(Waiting { deaths: last - 1 }.failed(Failure::Closed), look(last, false));
    assert_eq!(Waiting { deaths: last }.failed(Failure::Closed), Step::Fail(Why::Deaths));
    let now = Instant::now();
    let step = Connecting { deaths: last }.failed(Failure::Closed, &limits(now, None), now);
    assert_eq!(step, Step::Fail(Why::Deaths));
}

#[test]
fn as_many_idle_connections_as_threads() {
    assert!(is_kept(0, 0) && !is_kept(1, 0), "a service, or nonsense");
    assert!(is_kept(4, 5) && !is_kept(5, 5));
    assert!(is_kept(255, u32::MAX) && !is_kept(256, u32::MAX));
}

#[test]
fn one_process_is_its_own_queue() {
    assert_eq!(beyond(1, 0, 100), Some(100));
    assert_eq!(beyond(1, 5, 100), None, "a request that waits there would not know when its time is up");
    assert_eq!(beyond(2, 0, 100), Some(0));
}

#[test]
fn tries_end() {
    let now = Instant::now();
    let mut tries = Tries::new(now, 2);
    assert_eq!(tries.next(now + MS), Some(false), "the first one is always made");
    assert_eq!(tries.next(now + MS), None);
    let mut tries = Tries::new(now, 2);
    let all: Vec<bool> = std::iter::from_fn(|| tries.next(now)).collect();
    assert_eq!(all.len(), MOST_TRIES as usize);
    assert_eq!(all[..5], [false, false, false, true, true], "the third one is the last that may reload");
}
