//! What the scoreboard of a group tells whoever may look at it: who serves what, what was served, and what waits. It is read here
//! as the documentation lays it out (docs/ARCHITECTURE.md), not with the code of the module.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use harness::daemon::descriptors;
use harness::poll::until;
use harness::*;

use crate::daemon::*;

/// Serves at once, or when it is let go.
const APPLICATION: &str = "
    note('load', 'v0')
    def application(environ, start_response):
        if environ['PATH_INFO'].startswith('/held'):
            environ['wsgi.input'].read()
            wait_for('go')
        if environ['PATH_INFO'] == '/fails':
            raise ValueError('as it is meant to')
        return answer(environ, start_response, 'v0', os.getpid())
    ";

const CHILDREN: u64 = 64;
const WORKERS: u64 = CHILDREN + 256 * 16;
const CONNECTIONS: u64 = WORKERS + 256 * 64;
const RECORDS: u64 = CONNECTIONS + 256 * 256 * 16;

/// The scoreboard of the only group, which the parent of the processes keeps.
pub struct Scoreboard(File);

/// The record of a thread.
#[derive(Debug)]
struct Record {
    state: u32,
    taken: u64,
    requests: u32,
    failed: u32,
    busy: u64,
    read: u64,
    sent: u64,
    method: String,
    id: String,
    path: String,
}

impl Scoreboard {
    pub fn of(parent: u32) -> Self {
        let open = descriptors(parent);
        let is_it = |name: &Path| name.to_string_lossy().contains("memfd:mod_wsgi scoreboard");
        let (number, _) = open.iter().find(|(_, name)| is_it(name)).expect("a scoreboard");
        Self(File::open(format!("/proc/{parent}/fd/{number}")).expect("the scoreboard opens"))
    }

    fn bytes<const N: usize>(&self, at: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact_at(&mut bytes, at).expect("the scoreboard is so long");
        bytes
    }

    fn u32(&self, at: u64) -> u32 {
        u32::from_ne_bytes(self.bytes(at))
    }

    fn u64(&self, at: u64) -> u64 {
        u64::from_ne_bytes(self.bytes(at))
    }

    fn text<const N: usize>(&self, at: u64) -> String {
        let bytes: [u8; N] = self.bytes(at);
        String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
    }

    /// The slot of the worker of this pid.
    pub fn slot(&self, pid: u32) -> u64 {
        (0..256).find(|slot| self.u32(WORKERS + slot * 64 + 8) == pid).expect("a slot")
    }

    pub fn phase(&self, slot: u64) -> u32 {
        self.u32(WORKERS + slot * 64 + 20)
    }

    /// How many threads serve at the same time.
    pub fn places(&self, slot: u64) -> u32 {
        self.u32(WORKERS + slot * 64 + 32)
    }

    /// Requests in the queue of the group.
    pub fn queued(&self) -> u32 {
        self.u32(4) & 0xffff
    }

    /// Requests that a worker has.
    pub fn claimed(&self, slot: u64) -> u32 {
        self.u32(WORKERS + slot * 64) & 0x7fff_ffff
    }

    fn record(&self, slot: u64, thread: u64) -> Record {
        let at = RECORDS + (slot * 64 + thread - 1) * 256;
        Record {
            state: self.u32(at + 4),
            taken: self.u64(at + 8),
            requests: self.u32(at + 24),
            failed: self.u32(at + 28),
            busy: self.u64(at + 32),
            read: self.u64(at + 40),
            sent: self.u64(at + 48),
            method: self.text::<16>(at + 64),
            id: self.text::<48>(at + 80),
            path: self.text::<112>(at + 128),
        }
    }

    /// Pids of Apache's children of which requests wait, how many, and since when.
    fn waiting(&self) -> Vec<(u32, u32, u64)> {
        let slot = |at: u64| (self.u32(at), self.u32(at + 4), self.u64(at + 8));
        (0..256).map(|child| slot(CHILDREN + child * 16)).filter(|slot| slot.1 > 0).collect()
    }
}

/// Microseconds of the monotonic clock.
fn now() -> u64 {
    let code = "import time; print(time.monotonic_ns() // 1000)";
    let output = Command::new("python3").args(["-c", code]).output().expect("python3 runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("microseconds")
}

#[test]
fn what_a_group_does_can_be_seen() {
    only_ours!("the original has no scoreboard");
    let failure = "ValueError: as it is meant to";
    // Two processes: where there is one, requests wait in it.
    let options = "processes=2 threads=1";
    let h = defined(options, &script(APPLICATION)).expect_traceback(failure).expect_log("WSGI0174: ");
    let s = serving(h, 2);
    let workers = settled(&s, 2);
    let board = Scoreboard::of(s.pid());
    let slots = [board.slot(workers[0]), board.slot(workers[1])];
    let records = || slots.map(|slot| board.record(slot, 1));
    let all = |count: fn(&Record) -> u64| records().iter().map(count).sum::<u64>();
    until("both serve", || slots.iter().all(|slot| board.phase(*slot) == 2).then_some(()));
    assert!(slots.iter().all(|slot| board.u64(WORKERS + slot * 64 + 24) <= now()), "when they began");

    let before = all(|record| record.requests.into());
    for _ in 0..5 {
        assert_eq!(s.get("/app/path?secret=1").status, 200);
    }
    until("five requests", || (all(|record| record.requests.into()) == before + 5).then_some(()));
    let sent = all(|record| record.sent);
    assert!(sent > 0 && all(|record| record.busy) > 0 && all(|record| record.failed.into()) == 0);
    assert!(
        records()
            .iter()
            .any(|record| record.state == 0 && record.path == "/app/path" && !record.id.is_empty()),
        "{:?}",
        records()
    );
    assert_eq!(s.get("/app/fails").status, 500);
    until("a failure", || (all(|record| record.failed.into()) == 1).then_some(()));

    let hold = |name: &str| {
        let body = "ten bytes.";
        let request = s.request("POST", &format!("/app/held/{name}?secret=2")).header("Connection", "close");
        s.raw(&request.body(body).bytes())
    };
    let mut held = vec![hold("first"), hold("second")];
    let running = until("both threads run", || {
        let records = records();
        let run = |record: &Record| record.state == 2 && record.method == "POST";
        records.iter().all(run).then_some(records)
    });
    let mut paths = running.each_ref().map(|record| &*record.path);
    paths.sort_unstable();
    assert_eq!(paths, ["/app/held/first", "/app/held/second"]);
    assert!(running.iter().all(|record| record.taken <= now()));
    assert_eq!(board.waiting(), []);

    held.push(hold("third"));
    let waiting = until("a request waits", || Some(board.waiting()).filter(|waiting| !waiting.is_empty()));
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let (pid, count, since) = waiting[0];
    assert!(s.processes().iter().any(|process| process.pid == pid), "{pid} is no child");
    assert!(count == 1 && since > 0 && since <= now(), "{waiting:?}");

    s.write_file("go", "");
    held.iter_mut().for_each(|request| assert_eq!(request.response().status, 200));
    until("nothing waits or runs", || {
        (board.waiting().is_empty() && records().iter().all(|record| record.state == 0)).then_some(())
    });
    assert_eq!(all(|record| record.requests.into()), before + 9);
    assert_eq!(all(|record| record.read), 30);
    assert!(all(|record| record.sent) > sent);
}
