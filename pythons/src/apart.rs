//! The parent's side of a process that acts as another user and may meet any file of that user: it gets nothing of the
//! parent's, and nothing of it remains.
//!
//! ```text
//! the parent ── keeper (as the parent; a session of its own; if root may, the first process of a PID namespace)
//!                └── the process (the user, limited, without a way to more rights)
//! ```
//!
//! The parent reads what the process prints and how it ended, and waits no longer than its limit. The keeper ends all
//! that was started there, as soon as the process has ended or the parent listens no more.

use crate::keeper::{self, Rights, Word};
use crate::user::User;
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Error, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

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
    let keeper = os::fork_apart(true, |walled| keeper::keep(&theirs, walled, &rights, work))?;
    drop(theirs);
    let mut streams = [Stream::new(out), Stream::new(err)];
    let heard = hear(&mut streams, &word, until).map_err(|error| {
        let late = || format!("it did not answer within {} s", deadline.as_secs_f64());
        if is_late(&error) { Error::new(io::ErrorKind::TimedOut, late()) } else { error }
    });
    // The keeper takes this as the end.
    drop(word);
    keeper::reap(keeper);
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
    run(user, deadline, || {
        let never: Infallible = os::unistd::execve(&words[0], &words, &environment)?;
        match never {}
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
        let ready = os::poll(&[fds[0], fds[1], word.as_raw_fd()], left);
        for (stream, _) in streams.iter_mut().zip(&ready).filter(|(_, ready)| **ready) {
            stream.read()?;
        }
        if ready[2] {
            return match Word::receive(word)? {
                Word::Ended(status) => Ok(ExitStatus::from_raw(status)),
                Word::Failed(errno) => Err(Error::from_raw_os_error(errno)),
            };
        }
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}
