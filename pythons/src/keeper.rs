//! The keeper: it starts the process, waits for its end or the parent's, and leaves nothing behind.

use crate::user::User;
use os::unistd::{self, Gid, Uid};
use os::{Resource, prctl};
use std::ffi::CString;
use std::io::{self, Error};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How long those that are killed may take to be gone.
const GRACE: Duration = Duration::from_secs(2);
/// The keeper's end of the channel to the parent; standard streams are below.
const WORD: RawFd = 3;

/// Limits of the process: enough for any python that starts, not enough to harm the machine before the deadline.
const LIMITS: [(Resource, u64); 5] = [
    (Resource::RLIMIT_AS, 4 << 30),
    (Resource::RLIMIT_CORE, 0),
    (Resource::RLIMIT_CPU, 10),
    (Resource::RLIMIT_FSIZE, 1 << 20),
    (Resource::RLIMIT_NOFILE, 256),
];

/// What the parent is told.
pub enum Word {
    /// The process has ended: its wait status.
    Ended(i32),
    /// The process could not begin: an errno.
    Failed(i32),
}

impl Word {
    fn send(&self) {
        let (kind, number) = match self {
            Word::Ended(status) => (0, *status),
            Word::Failed(errno) => (1, *errno),
        };
        let _ = os::send_datagram(WORD, &[i32::to_ne_bytes(kind), number.to_ne_bytes()].concat());
    }

    /// What has come for the parent.
    pub fn receive(from: &OwnedFd) -> io::Result<Word> {
        let mut message = Vec::new();
        os::receive_datagram(from.as_raw_fd(), 8, &mut message)?;
        let number = |at: usize| message.get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes);
        match (number(0), number(4)) {
            (Some(0), Some(status)) => Ok(Word::Ended(status)),
            (Some(1), Some(errno)) => Ok(Word::Failed(errno)),
            _ => Err(Error::other("the process that watches it has died")),
        }
    }
}

/// The keeper's life, in the process that was forked for it. `theirs`: the standard streams and the channel to the parent of
/// that process; `walled`: the kernel ends all others when the keeper ends.
pub fn keep(theirs: &[OwnedFd; 4], walled: bool, rights: &Rights, work: impl FnOnce() -> io::Result<u8>) {
    // The parent hears nothing from a keeper that ends, and says so.
    let Ok(()) = place(theirs) else { return };
    let _ = unistd::setsid();
    let _ = prctl::set_child_subreaper(true);
    let live = |_| {
        let done = catch_unwind(AssertUnwindSafe(|| rights.take().and_then(|()| work())));
        let errno = match done {
            Ok(Ok(code)) => os::end(code.into()),
            Ok(Err(error)) => error.raw_os_error(),
            Err(_) => None,
        };
        Word::Failed(errno.unwrap_or(libc::EIO)).send();
        os::end(127);
    };
    let process = match os::fork_apart(false, live) {
        Ok(process) => process,
        Err(error) => return Word::Failed(error.raw_os_error().unwrap_or(libc::EIO)).send(),
    };
    // What it prints ends when it and what it has started have ended.
    let _ = (unistd::dup2_stdout(io::stdin()), unistd::dup2_stderr(io::stdin()));
    let status = wait(process);
    if !walled {
        end_descendants();
    }
    if let Some(status) = status {
        Word::Ended(status).send();
    }
    if !walled {
        // Those who fork faster than they are found, and this process.
        os::kill_own_group();
    }
    os::end(0)
}

/// The four go to 0, 1, 2 and [`WORD`], which its program does not get; all others are closed.
fn place(theirs: &[OwnedFd; 4]) -> io::Result<()> {
    let places: Vec<_> = theirs.iter().map(AsRawFd::as_raw_fd).zip(0..).collect();
    os::place_descriptors(&places, WORD + 1)?;
    os::close_on_exec(WORD);
    Ok(())
}

/// Waits for the process, or until the parent listens no more: then it is killed.
fn wait(process: u32) -> Option<i32> {
    // A kernel before 5.3 has none.
    let watched = os::process(process).ok();
    let ended = watched.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    loop {
        if let Some((status, _)) = os::reap(process) {
            return Some(status);
        }
        let pause = if ended < 0 { Duration::from_millis(2) } else { Duration::MAX };
        if os::poll(&[WORD, ended], pause)[0] {
            os::kill(process);
            return None;
        }
    }
}

/// Kills all that the process has started: whose parent has ended is a child of the keeper's.
fn end_descendants() {
    let until = Instant::now() + GRACE;
    while Instant::now() < until {
        match os::reap_any() {
            None => return,
            Some(true) => continue,
            Some(false) => children().for_each(os::kill),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The children of this process, as /proc has them.
fn children() -> impl Iterator<Item = u32> {
    let own = std::process::id().to_string();
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(move |entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
        (parent == own).then_some(pid)
    })
}

/// The user and limits that the process takes on: prepared before the fork, applied after it.
pub struct Rights {
    uid: Uid,
    gid: Gid,
    name: Option<CString>,
}

impl Rights {
    /// Those of a user.
    pub fn of(user: &User) -> Self {
        let name = user.name.clone().and_then(|name| CString::new(name).ok());
        Self { uid: Uid::from_raw(user.uid), gid: Gid::from_raw(user.gid), name }
    }

    /// Becomes the user for good, if this process is root's, with signals as a new process has them, and limited.
    fn take(&self) -> io::Result<()> {
        os::reset_signals();
        if unistd::geteuid().is_root() && !self.uid.is_root() {
            match &self.name {
                Some(name) => unistd::initgroups(name, self.gid)?,
                None => unistd::setgroups(&[self.gid])?,
            }
            unistd::setgid(self.gid)?;
            unistd::setuid(self.uid)?;
        }
        prctl::set_no_new_privs()?;
        unistd::chdir(c"/")?;
        LIMITS.iter().try_for_each(|(resource, most)| os::lower_limit(*resource, *most))
    }
}

/// Waits until the keeper is gone. It goes by itself, unless something holds it in the kernel, as a file system may that a
/// user has mounted.
pub fn reap(keeper: u32) {
    let until = Instant::now() + GRACE + Duration::from_secs(1);
    while os::reap(keeper).is_none() {
        if Instant::now() > until {
            os::kill(keeper);
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
