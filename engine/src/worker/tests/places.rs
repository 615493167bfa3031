//! Threads without a place rest; requests wait for those that have one.

use super::*;

static INSIDE: AtomicU32 = AtomicU32::new(0);
static LET_GO: AtomicBool = AtomicBool::new(false);

fn held(remote: &mut Remote, head: &Head<'_>) -> Option<Outcome> {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    while head.script == b"/held" && !LET_GO.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    echo(remote, head)
}

#[track_caller]
fn await_inside(count: u32) {
    let until = Instant::now() + PATIENCE;
    while INSIDE.load(Ordering::SeqCst) != count {
        assert!(Instant::now() < until, "{} are inside", INSIDE.load(Ordering::SeqCst));
        std::thread::yield_now();
    }
}

#[test]
fn as_many_serve_as_there_are_places() {
    let worker = Worker::new(4, held);
    let reception = &worker.reception;
    let mut children: Vec<_> = (0..4)
        .map(|_| {
            let mut child = worker.connect();
            child.send(&request(b"/first", false));
            assert_eq!(child.answer(), b"/first");
            child
        })
        .collect();
    reception.let_in(1);
    assert_eq!(reception.slot.places(), 1);
    // One that waited already takes a request before it rests.
    while reception.places.inside() > 1 {
        children[0].claim();
        children[0].send(&request(b"/next", false));
        assert_eq!(children[0].answer(), b"/next");
    }
    for child in &mut children {
        child.claim();
        child.send(&request(b"/held", false));
    }
    await_inside(1);
    reception.let_in(3);
    await_inside(3);
    assert_eq!((reception.places.inside(), reception.slot.claimed()), (3, 4));
    LET_GO.store(true, Ordering::SeqCst);
    children.iter_mut().for_each(|child| assert_eq!(child.answer(), b"/held"));
    worker.await_claimed(0);
}
