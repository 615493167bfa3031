//! A process that acts as another user and may meet any file of that user: it gets nothing of Apache's, and nothing of it
//! remains.
//!
//! ```text
//! httpd's parent ── keeper (as the parent; a session of its own; if root may, the first process of a PID namespace)
//!                     └── the process (the user, limited, without a way to more rights)
//! ```
//!
//! The parent reads what the process prints and how it ended, and waits no longer than its limit. The keeper ends all
//! that was started there, as soon as the process has ended or the parent listens no more.
#![allow(unsafe_code)]

use super::access::User;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Error, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use std::{mem, ptr};

/// What a process printed, and how it ended.
pub struct Answer {
    /// The program's standard output.
    pub stdout: Vec<u8>,
    /// The program's standard error.
    pub stderr: Vec<u8>,
    /// `exit status: 1`, `signal: 11 (SIGSEGV)`
    pub status: ExitStatus,
}

/// Most bytes that it may print on one stream.
const MOST: usize = 64 << 10;
/// How long those that are killed may take to be gone.
const GRACE: Duration = Duration::from_secs(2);
/// The keeper's end of the channel to the parent; standard streams are below.
const WORD: RawFd = 3;

/// Limits of the process: enough for any python that starts, not enough to harm the machine before the deadline.
const LIMITS: [(libc::__rlimit_resource_t, u64); 5] = [
    (libc::RLIMIT_AS, 4 << 30),
    (libc::RLIMIT_CORE, 0),
    (libc::RLIMIT_CPU, 10),
    (libc::RLIMIT_FSIZE, 1 << 20),
    (libc::RLIMIT_NOFILE, 256),
];

/// Runs `work` in a separate process as `user` (as the own user, if this is not root). The process ends with the
/// number that `work` returns, unless it executes a program. The error is that of `work`, or says what the process did
/// wrong.
pub fn run(user: &User, deadline: Duration, work: impl FnOnce() -> io::Result<u8>) -> Result<Answer, Error> {
    let until = Instant::now() + deadline;
    let (out, their_out) = os::pipe()?;
    let (err, their_err) = os::pipe()?;
    let (word, their_word) = os::pair()?;
    let null = OwnedFd::from(File::open("/dev/null")?);
    let theirs = [null, their_out, their_err, their_word];
    let rights = Rights::of(user);
    let (keeper, walled) = fork_walled()?;
    if keeper == 0 {
        let _ = catch_unwind(AssertUnwindSafe(|| keep(&theirs, walled, &rights, work)));
        end(101);
    }
    drop(theirs);
    let mut streams = [Stream::new(out), Stream::new(err)];
    let heard = hear(&mut streams, &word, until).map_err(|error| {
        let late = || format!("it did not answer within {} s", deadline.as_secs());
        if is_late(&error) { Error::new(io::ErrorKind::TimedOut, late()) } else { error }
    });
    // The keeper takes this as the end.
    drop(word);
    reap(keeper);
    let status = heard?;
    for stream in &mut streams {
        while stream.read()? {}
    }
    let [stdout, stderr] = streams.map(|stream| stream.bytes);
    Ok(Answer { stdout, stderr, status })
}

/// The deadline has passed.
pub fn is_late(error: &Error) -> bool {
    // Not what the work itself has met, say on a network file system.
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// Executes a program as `user`. Its environment is the same whoever starts Apache, but for where the loader finds libraries
/// if Apache's own environment says so: some pythons do not start without.
pub fn execute(program: &Path, arguments: &[&str], user: &User, deadline: Duration) -> Result<Answer, Error> {
    const LIBRARIES: &str = "LD_LIBRARY_PATH";
    let mut words = vec![c_string(program.as_os_str())?];
    for argument in arguments {
        words.push(c_string(argument.as_ref())?);
    }
    let mut environment = vec![
        c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        c"PYTHONDONTWRITEBYTECODE=1".to_owned(),
    ];
    if let Some(path) = std::env::var_os(LIBRARIES) {
        let mut assignment = OsString::from(format!("{LIBRARIES}="));
        assignment.push(path);
        environment.push(c_string(&assignment)?);
    }
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(&words), pointers(&environment));
    run(user, deadline, || {
        // SAFETY: live C strings, and a null behind them.
        unsafe { libc::execve(argv[0], argv.as_ptr(), envp.as_ptr()) };
        Err(Error::last_os_error())
    })
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// What the process prints on one stream.
struct Stream {
    from: Option<File>,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(from: OwnedFd) -> Self {
        Self { from: Some(from.into()), bytes: Vec::new() }
    }

    /// Reads what is there; true: there may be more.
    fn read(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.from else { return Ok(false) };
        let mut buffer = [0; 8 << 10];
        match file.read(&mut buffer) {
            Ok(0) => self.from = None,
            Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.from = None,
        }
        if self.bytes.len() > MOST {
            return Err(Error::other(format!("it prints more than {} KiB", MOST >> 10)));
        }
        Ok(true)
    }
}

/// Reads until the keeper has said how the process ended.
fn hear(streams: &mut [Stream; 2], word: &OwnedFd, until: Instant) -> io::Result<ExitStatus> {
    loop {
        let fds = [&streams[0], &streams[1]].map(|stream| stream.from.as_ref().map_or(-1, File::as_raw_fd));
        let left = until.saturating_duration_since(Instant::now());
        let [out, err, said] = poll([fds[0], fds[1], word.as_raw_fd()], Some(left));
        for (stream, _) in streams.iter_mut().zip([out, err]).filter(|(_, ready)| *ready) {
            stream.read()?;
        }
        if said {
            return match receive(word)? {
                Word::Ended(status) => Ok(ExitStatus::from_raw(status)),
                Word::Failed(errno) => Err(Error::from_raw_os_error(errno)),
            };
        }
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// What the parent is told.
enum Word {
    /// The process has ended: its wait status.
    Ended(i32),
    /// The process could not begin.
    Failed(i32),
}

fn send(word: &Word) {
    let (kind, number) = match word {
        Word::Ended(status) => (0, *status),
        Word::Failed(errno) => (1, *errno),
    };
    let _ = os::send_datagram(WORD, &[i32::to_ne_bytes(kind), number.to_ne_bytes()].concat());
}

fn receive(from: &OwnedFd) -> io::Result<Word> {
    let mut message = Vec::new();
    os::receive_datagram(from.as_raw_fd(), 8, &mut message)?;
    let number = |at: usize| message.get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes);
    match (number(0), number(4)) {
        (Some(0), Some(status)) => Ok(Word::Ended(status)),
        (Some(1), Some(errno)) => Ok(Word::Failed(errno)),
        _ => Err(Error::other("the process that watches it has died")),
    }
}

/// The keeper's life.
fn keep(
    theirs: &[OwnedFd; 4],
    walled: bool,
    rights: &Rights,
    work: impl FnOnce() -> io::Result<u8>,
) -> io::Result<()> {
    place(theirs)?;
    // SAFETY: calls on numbers. The parent has one thread, so its copy may fork again and allocate.
    let process = unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        libc::fork()
    };
    if process == 0 {
        let done = catch_unwind(AssertUnwindSafe(|| rights.take().and_then(|()| work())));
        let error = match done {
            Ok(Ok(code)) => end(code.into()),
            Ok(Err(error)) => error.raw_os_error(),
            Err(_) => None,
        };
        send(&Word::Failed(error.unwrap_or(libc::EIO)));
        end(127);
    }
    // What it prints ends when it and what it has started have ended.
    // SAFETY: calls on numbers.
    unsafe { (libc::dup2(0, 1), libc::dup2(0, 2)) };
    let status = wait(process);
    if !walled {
        end_descendants();
    }
    if let Some(status) = status {
        send(&Word::Ended(status));
    }
    if !walled {
        // Those who fork faster than they are found, and this process.
        // SAFETY: the process group that setsid() made.
        unsafe { libc::kill(0, libc::SIGKILL) };
    }
    end(0)
}

/// The four go to 0, 1, 2 and [`WORD`], which its program does not get; all others are closed.
fn place(theirs: &[OwnedFd; 4]) -> io::Result<()> {
    let places: Vec<_> = theirs.iter().map(AsRawFd::as_raw_fd).zip(0..).collect();
    os::place_descriptors(&places, WORD + 1)?;
    os::close_on_exec(WORD);
    Ok(())
}

/// Waits for the process, or until the parent listens no more: then it is killed.
fn wait(process: libc::pid_t) -> Option<i32> {
    // A kernel before 5.3 has none.
    let watched = os::process(process.unsigned_abs()).ok();
    let ended = watched.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    loop {
        if let Some(status) = ended_child(process) {
            return Some(status);
        }
        let pause = (ended < 0).then_some(Duration::from_millis(2));
        if poll([WORD, ended], pause)[0] {
            os::kill(process.unsigned_abs());
            return None;
        }
    }
}

/// The wait status of a child that has ended.
fn ended_child(pid: libc::pid_t) -> Option<i32> {
    let mut status = 0;
    // SAFETY: a live number.
    (unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == pid).then_some(status)
}

/// Kills all that the process has started: whose parent has ended is a child of the keeper's.
fn end_descendants() {
    let until = Instant::now() + GRACE;
    while Instant::now() < until {
        let mut status = 0;
        // SAFETY: a live number.
        match unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) } {
            0 => {}
            1.. => continue,
            _ => return,
        }
        for pid in children() {
            os::kill(pid.unsigned_abs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The children of this process, as /proc has them.
fn children() -> impl Iterator<Item = libc::pid_t> {
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
struct Rights {
    uid: u32,
    gid: u32,
    name: Option<CString>,
}

impl Rights {
    fn of(user: &User) -> Self {
        let name = user.name.clone().and_then(|name| CString::new(name).ok());
        Self { uid: user.uid, gid: user.gid, name }
    }

    /// Becomes the user for good, if this process is root's, with signals as a new process has them, and limited.
    fn take(&self) -> io::Result<()> {
        // SAFETY: calls on numbers, live structures and a live C string. The parent had one thread, so no lock is held that
        // the group database needs.
        unsafe {
            os::reset_signals();
            if libc::geteuid() == 0 && self.uid != 0 {
                checked(match &self.name {
                    Some(name) => libc::initgroups(name.as_ptr(), self.gid),
                    None => libc::setgroups(1, &self.gid),
                })?;
                checked(libc::setgid(self.gid))?;
                checked(libc::setuid(self.uid))?;
            }
            checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            checked(libc::chdir(c"/".as_ptr()))?;
            for (resource, most) in LIMITS {
                let mut limit: libc::rlimit = mem::zeroed();
                checked(libc::getrlimit(resource, &mut limit))?;
                let most = limit.rlim_max.min(most);
                checked(libc::setrlimit(resource, &libc::rlimit { rlim_cur: most, rlim_max: most }))?;
            }
        }
        Ok(())
    }
}

/// Forks; true: as the first process of a PID namespace, so that the kernel ends all others in it when that one ends. Else
/// (only root may, in many containers not even root) it is an ordinary process.
fn fork_walled() -> io::Result<(libc::pid_t, bool)> {
    // SAFETY: a structure of numbers, all the rest zero; without CLONE_VM the child has memory of its own, as behind fork.
    let pid = unsafe {
        let mut how: libc::clone_args = mem::zeroed();
        how.flags = libc::CLONE_NEWPID as u64;
        how.exit_signal = libc::SIGCHLD as u64;
        libc::syscall(libc::SYS_clone3, &raw mut how, size_of_val(&how))
    };
    if pid >= 0 {
        return Ok((pid as libc::pid_t, true));
    }
    // SAFETY: this process has one thread, so the new one may do whatever this one may.
    Ok((checked(unsafe { libc::fork() })?, false))
}

/// Waits until the keeper is gone. It goes by itself, unless something holds it in the kernel, as a file system may that a
/// user has mounted.
fn reap(keeper: libc::pid_t) {
    let until = Instant::now() + GRACE + Duration::from_secs(1);
    while ended_child(keeper).is_none() {
        if Instant::now() > until {
            os::kill(keeper.unsigned_abs());
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until one of them can be read or has been closed, for that long at most; which. Nobody's number is passed over.
fn poll<const N: usize>(fds: [RawFd; N], most: Option<Duration>) -> [bool; N] {
    let ready = os::poll(&fds, most.unwrap_or(Duration::MAX));
    std::array::from_fn(|at| ready[at])
}

fn checked(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 { Err(Error::last_os_error()) } else { Ok(answer) }
}

/// Ends this process without the exit handlers of httpd's, whose copy it is.
fn end(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}
