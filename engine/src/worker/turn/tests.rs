use super::*;
use Origin::{Epoll, Queue};

const BOTH: [Origin; 2] = [Queue, Epoll];

#[test]
fn a_request_is_read_or_the_connection_ends() {
    for origin in BOTH {
        assert_eq!(begin(origin), Step::Read(Reading(origin)));
        assert_eq!(Reading(origin).requested(), Step::Serve(Serving(origin)));
    }
    assert_eq!(Reading(Queue).ended(), forget(true), "the thread had claimed itself");
    assert_eq!(Reading(Epoll).ended(), forget(false), "whether its child had is noted");
    assert_eq!(Serving(Queue).broken(), forget(true));
    assert_eq!(Serving(Epoll).broken(), forget(false));
}

#[test]
fn when_the_claim_goes_back() {
    let all = [false, true];
    for (origin, fits) in BOTH.into_iter().flat_map(|origin| all.map(|fits| (origin, fits))) {
        for (queued, is_open) in [(false, false), (false, true), (true, false), (true, true)] {
            let step = Serving(origin).served(Sight { fits, queued, is_open });
            let expected = match (queued && is_open, fits) {
                (true, _) => Step::End(Ending { origin, claim: Claim::Kept }),
                (false, true) => Step::Release(Releasing::BeforeEnd(origin)),
                (false, false) => Step::End(Ending { origin, claim: Claim::Held }),
            };
            assert_eq!(step, expected, "{origin:?} {fits} {queued} {is_open}");
        }
        let released = Releasing::BeforeEnd(origin).released();
        assert_eq!(released, Step::End(Ending { origin, claim: Claim::Released }));
    }
}

#[test]
fn after_the_end() {
    for origin in BOTH {
        let arm = |takes_queue| Step::Arm(Arming { origin, takes_queue });
        let release = |usable| Step::Release(Releasing::AfterEnd { origin, usable });
        for (claim, usable, expected) in [
            (Claim::Released, true, arm(false)),
            (Claim::Released, false, forget(false)),
            (Claim::Held, true, release(true)),
            (Claim::Held, false, release(false)),
            (Claim::Kept, true, arm(true)),
            (Claim::Kept, false, release(false)),
        ] {
            assert_eq!(Ending { origin, claim }.sent(usable), expected, "{claim:?} {usable}");
        }
        assert_eq!(Releasing::AfterEnd { origin, usable: true }.released(), arm(false));
        assert_eq!(Releasing::AfterEnd { origin, usable: false }.released(), forget(false));
    }
}

#[test]
fn a_connection_that_cannot_be_waited_for() {
    for takes_queue in [false, true] {
        let arming = Arming { origin: Epoll, takes_queue };
        assert_eq!(arming.armed(true), Step::Done { takes_queue });
        let forgetting = Forgetting { holds: false, takes_queue };
        assert_eq!(arming.armed(false), Step::Forget(forgetting));
        assert_eq!(forgetting.forgotten(), Step::Done { takes_queue });
    }
}

/// Whatever happens, a claim goes back once, or stays for the queue.
#[test]
fn no_claim_is_lost_or_given_back_twice() {
    for choice in 0..1u32 << 7 {
        let is = |bit: u32| choice >> bit & 1 == 1;
        for origin in BOTH {
            let (mut step, mut claims) = (begin(origin), 1);
            let takes_queue = loop {
                step = match step {
                    Step::Read(reading) if is(0) => reading.ended(),
                    Step::Read(reading) => reading.requested(),
                    Step::Serve(serving) if is(1) => serving.broken(),
                    Step::Serve(serving) => {
                        serving.served(Sight { fits: is(2), queued: is(3), is_open: is(4) })
                    }
                    Step::Release(releasing) => {
                        claims -= 1;
                        releasing.released()
                    }
                    Step::End(ending) => ending.sent(is(5)),
                    Step::Arm(arming) => arming.armed(is(6)),
                    Step::Forget(forgetting) => {
                        // Noted by the child, or held by the thread, if no answer was sent.
                        let noted = origin == Epoll && (is(0) || is(1));
                        claims -= i32::from(noted || forgetting.holds);
                        forgetting.forgotten()
                    }
                    Step::Done { takes_queue } => break takes_queue,
                };
            };
            assert_eq!(claims, i32::from(takes_queue), "{choice:b} {origin:?}");
        }
    }
}
