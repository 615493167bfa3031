//! In httpd's parent: makes the groups and forks the supervisor when the configuration is complete, forks another if that
//! dies, and tells all of them when the server stops.

use crate::apache::{self, Pool, Server, hook, log, mpm, scoreboard};
use crate::groups::kept::{Kept, KeptSupervisor};
use crate::{groups, ledger, questions, supervisor};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wire::control::Message;
use wire::message as msg;

/// How long the end of the server waits for the ends of processes beyond their shutdown-timeout.
const BEYOND: Duration = Duration::from_millis(1500);

/// The channels and pids of supervisors, for the end of the server.
static SUPERVISORS: Mutex<Vec<(u32, RawFd)>> = Mutex::new(Vec::new());

/// Listening sockets and files of scoreboards, which are mapped, for children to close.
static SOCKETS: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// A supervisor is to be forked as soon as httpd has made its scoreboard.
static WAITING: AtomicBool = AtomicBool::new(false);

/// The post-config hook.
pub struct Prepare;

impl hook::Configured for Prepare {
    fn run(pool: Pool<'_>, main: Server<'_>) -> hook::Outcome {
        if mpm::is_first_pass() {
            return hook::Outcome::Go;
        }
        // What is made of it here is forgotten when it goes.
        let main = main.for_ever();
        let mut kept = Kept::read();
        open_ledger(main, &mut kept);
        kept.questions = questions::prepare(pool, main, kept.questions.take());
        if let hook::Outcome::Stop = groups::make(pool, main, &mut kept) {
            return hook::Outcome::Stop;
        }
        kept.supervisors.retain(|known| {
            let lives = os::process(known.pid).is_ok();
            if !lives {
                os::close(known.channel);
            }
            lives
        });
        for known in &kept.supervisors {
            // So that its end surprises nobody.
            apache::watch_process::<Old>(pool, known.pid);
        }
        if !groups::none() || !kept.supervisors.is_empty() {
            // A supervisor that is forked before there is a scoreboard could never show it.
            if scoreboard::exists() {
                start(main, &mut kept);
            } else {
                WAITING.store(true, Ordering::Relaxed);
            }
        }
        keep(main, &kept);
        apache::before_process_ends::<Ending>(pool);
        hook::Outcome::Go
    }
}

/// The hook before children start: at the first start of the server it has a scoreboard now.
pub struct Start;

impl hook::BeforeChildren for Start {
    fn run() {
        if WAITING.swap(false, Ordering::Relaxed)
            && let Some(main) = apache::main_server()
        {
            let mut kept = Kept::read();
            start(main, &mut kept);
            keep(main, &kept);
        }
    }
}

/// Keeps what the parent has, for the next reading of the configuration and for the end.
fn keep(main: Server<'_>, kept: &Kept) {
    if let Err(error) = kept.write() {
        log::server_message(
            Some(main),
            msg::FORK_FAILED,
            format_args!("the sockets and the supervisor cannot be kept for the next restart: {error}"),
        );
    }
    let all = kept.supervisors.iter().map(|known| (known.pid, known.channel)).collect();
    *os::lock(&SUPERVISORS) = all;
    let sockets = kept.groups.iter().flat_map(|group| [group.listener, group.scoreboard]);
    let sockets = sockets.chain(kept.ledger).collect();
    *os::lock(&SOCKETS) = sockets;
}

/// Has the ledger that is kept, or a new one.
fn open_ledger(main: Server<'_>, kept: &mut Kept) {
    if kept.layout != ledger::layout() {
        kept.ledger.take().into_iter().for_each(os::close);
        kept.layout = ledger::layout();
    }
    match ledger::prepare(kept.ledger) {
        Ok(file) => kept.ledger = Some(file),
        Err(error) => log::server_message(
            Some(main),
            msg::NO_LEDGER,
            format_args!("the memory in which requests are counted cannot be created: {error}"),
        ),
    }
}

/// Forks a supervisor for the groups of the configuration.
fn start(main: Server<'static>, kept: &mut Kept) {
    kept.serial += 1;
    let serial = kept.serial;
    let failed = |what: &str, error: std::io::Error| {
        let text = format!("the supervisor of the process groups cannot be started: {what}: {error}");
        log::server_message(Some(main), msg::FORK_FAILED, text);
    };
    let (ours, theirs) = match os::pair() {
        Ok(pair) => pair,
        Err(error) => return failed("socketpair", error),
    };
    let others: Vec<RawFd> = kept.supervisors.iter().map(|known| known.channel).collect();
    let paths = kept.groups.iter().map(|group| group.path.clone()).collect();
    let mut theirs = Some(theirs);
    let child = || {
        if let Some(channel) = theirs.take() {
            supervisor::run(main, serial, channel, others, paths);
        }
    };
    // SAFETY: httpd's parent has one thread.
    #[allow(unsafe_code)]
    let forked = unsafe { os::fork(child) };
    match forked {
        Err(error) => failed("fork", error),
        Ok(pid) => {
            apache::watch_process::<Current>(main.config_pool(), pid);
            kept.supervisors.push(KeptSupervisor { pid, channel: ours.into_raw_fd() });
        }
    }
}

/// A supervisor of an earlier configuration.
struct Old;

impl apache::Watched for Old {
    fn ended(_: u32) {}
}

/// The supervisor of this configuration.
struct Current;

impl apache::Watched for Current {
    fn ended(pid: u32) {
        let Some(main) = apache::main_server() else { return };
        if mpm::is_stopping() {
            return;
        }
        let text = format!("the supervisor (pid {pid}) died unexpectedly; a new one is started");
        log::server_message(Some(main), msg::SUPERVISOR_DIED, text);
        let mut kept = Kept::read();
        kept.supervisors.retain(|known| {
            let dead = known.pid == pid;
            if dead {
                os::close(known.channel);
            }
            !dead
        });
        start(main, &mut kept);
        keep(main, &kept);
    }
}

/// The end of httpd's parent: processes of groups end in order before it is gone, for whoever started httpd may kill what
/// is left then.
struct Ending;

impl crate::apache::AtEnd for Ending {
    fn run() {
        let all = std::mem::take(&mut *os::lock(&SUPERVISORS));
        let mut left: Vec<_> = all
            .into_iter()
            .filter_map(|(pid, channel)| {
                let _ = os::send_datagram(channel, &Message::Stop.bytes());
                os::process(pid).ok()
            })
            .collect();
        let until = Instant::now() + groups::longest_shutdown() + BEYOND;
        while !left.is_empty() && Instant::now() < until {
            let fds: Vec<RawFd> = left.iter().map(AsRawFd::as_raw_fd).collect();
            let ended = os::poll(&fds, until.saturating_duration_since(Instant::now()));
            let mut ended = ended.into_iter();
            left.retain(|_| !ended.next().unwrap_or(false));
        }
        questions::remove(|| None);
    }
}

/// The end of httpd's parent, also where the configuration that it was to read again is none.
struct LateEnding;

impl crate::apache::AtEnd for LateEnding {
    fn run() {
        questions::remove(|| Kept::read().questions);
    }
}

/// The configuration goes, and what was made of it.
pub struct Forget;

impl crate::apache::AtEnd for Forget {
    fn run() {
        leave();
        groups::forget_all();
        ledger::forget();
        questions::forget();
    }
}

/// The configuration goes, and the module with it: supervisors that no other one succeeds are on their own.
fn leave() {
    let all = std::mem::take(&mut *os::lock(&SUPERVISORS));
    tell(&all, &Message::Leaving);
    // It is not left behind when httpd unloads the module.
    *os::lock(&SOCKETS) = Vec::new();
}

/// The module is loaded, to make another configuration.
pub fn come_back(pool: Pool<'_>) {
    let kept = Kept::read();
    let all: Vec<_> = kept.supervisors.iter().map(|known| (known.pid, known.channel)).collect();
    // At a restart: the parent is the one that it stays.
    if kept.questions.is_some() {
        apache::before_process_ends::<LateEnding>(pool);
    }
    tell(&all, &Message::Back);
}

fn tell(supervisors: &[(u32, RawFd)], message: &Message) {
    for (_, channel) in supervisors {
        let _ = os::send_datagram(*channel, &message.bytes());
    }
}

/// A child of httpd's: what is the parent's alone is closed in it.
pub struct LeaveParent;

impl hook::ChildStart for LeaveParent {
    fn run(_: Pool<'static>, _: Server<'static>) {
        let all = std::mem::take(&mut *os::lock(&SUPERVISORS));
        all.into_iter().for_each(|(_, channel)| os::close(channel));
        let all = std::mem::take(&mut *os::lock(&SOCKETS));
        all.into_iter().for_each(os::close);
    }
}
