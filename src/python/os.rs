//! Running a program as another user with a deadline, and asking what that user may reach.
#![allow(unsafe_code)]

use super::access::User;
use std::ffi::CString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a program said.
pub struct Answer {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// `exit status: 1`, `signal: 11 (SIGSEGV)`
    pub status: String,
}

/// Runs a program as `user` (as ourselves if we are not root) and hears what it prints; after the deadline it is
/// killed and that is the error.
pub fn run_as(program: &Path, arguments: &[&str], user: &User, deadline: Duration) -> Result<Answer, String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let become_user = privileges(user);
    // SAFETY: between fork and exec only async-signal-safe calls are made, on data prepared before.
    unsafe { command.process_group(0).pre_exec(move || become_user.take()) };
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let started = Instant::now();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    read_both(out, err, &mut stdout, &mut stderr, started + deadline);
    let status = wait(&mut child, started + deadline)
        .ok_or_else(|| format!("it did not answer within {} s", deadline.as_secs()))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Answer { stdout: text(stdout), stderr: text(stderr), status: status.to_string() })
}

/// Reads two pipes to their ends, or until the deadline.
fn read_both(
    out: Option<impl Read + std::os::fd::AsRawFd>,
    err: Option<impl Read + std::os::fd::AsRawFd>,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
    until: Instant,
) {
    let (Some(mut out), Some(mut err)) = (out, err) else { return };
    let mut open = [true, true];
    while open.contains(&true) {
        let left = until.saturating_duration_since(Instant::now()).as_millis() as i32;
        let mut fds = [out.as_raw_fd(), err.as_raw_fd()].map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        for (poll, open) in fds.iter_mut().zip(open) {
            if !open {
                poll.fd = -1;
            }
        }
        // SAFETY: an array of two entries.
        let ready = unsafe { libc::poll(fds.as_mut_ptr(), 2, left) };
        if ready == 0 || (ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted) {
            return;
        }
        let mut buffer = [0; 4096];
        for (at, poll) in fds.iter().enumerate().filter(|(_, poll)| poll.revents != 0) {
            let count = if at == 0 { out.read(&mut buffer) } else { err.read(&mut buffer) }.unwrap_or(0);
            let into = if at == 0 { &mut *stdout } else { &mut *stderr };
            into.extend_from_slice(&buffer[..count]);
            open[at] = count > 0 && poll.fd >= 0;
        }
    }
}

/// Waits until the deadline, then kills: a child that was killed is reaped as well.
fn wait(child: &mut Child, until: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                // Whatever it has started goes with it.
                // SAFETY: the process group that `process_group(0)` made for the child.
                unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL) };
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// How to become a user: prepared before the fork, done after it.
struct Privileges {
    uid: u32,
    gid: u32,
    name: Option<CString>,
}

fn privileges(user: &User) -> Privileges {
    Privileges {
        uid: user.uid,
        gid: user.gid,
        name: user.name.clone().and_then(|name| CString::new(name).ok()),
    }
}

impl Privileges {
    /// Becomes the user for good. Does nothing when this process is not root's.
    fn take(&self) -> io::Result<()> {
        // SAFETY: system calls on numbers and a live C string. initgroups reads the group database, which is not
        // async-signal-safe in theory; httpd's parent has one thread, so no lock can be held by another.
        unsafe {
            if libc::geteuid() != 0 || self.uid == 0 {
                return Ok(());
            }
            let groups = match &self.name {
                Some(name) => libc::initgroups(name.as_ptr(), self.gid),
                None => libc::setgroups(1, &self.gid),
            };
            if groups != 0 || libc::setgid(self.gid) != 0 || libc::setuid(self.uid) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }
}

/// The index of the first directory that `user` may not enter; what is not there or is no directory forbids nothing.
/// Asked in a child process that becomes that user, so that access lists and security modules have their say too.
pub fn first_forbidden(folders: &[PathBuf], user: &User) -> Option<usize> {
    // Its entry "." is reached through the directory itself.
    let inside = |folder: &PathBuf| CString::new(folder.join(".").as_os_str().as_bytes()).ok();
    let paths: Vec<CString> = folders.iter().filter_map(inside).collect();
    let become_user = privileges(user);
    // The exit code is the answer, so that nothing needs to be sent: 0 is none, 1 + index else.
    // SAFETY: the child makes only system calls on data prepared before the fork, and ends by _exit.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let mut code = 0;
            if become_user.take().is_ok() {
                let forbidden = paths.iter().position(|path| {
                    libc::access(path.as_ptr(), libc::F_OK) != 0 && *libc::__errno_location() == libc::EACCES
                });
                code = forbidden.map_or(0, |index| 1 + index.min(253) as i32);
            }
            libc::_exit(code);
        }
        let mut status = 0;
        while pid > 0 && libc::waitpid(pid, &mut status, 0) < 0 {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return None;
            }
        }
        (pid > 0 && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) > 0)
            .then(|| libc::WEXITSTATUS(status) as usize - 1)
    }
}
