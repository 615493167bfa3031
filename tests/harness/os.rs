//! The few things std does not offer: signals, a session of its own, a look at other processes. All the unsafe there is.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// Lets the process started by `command` lead a session of its own and end with the thread that started it, so that an
/// interrupted test run leaves nothing behind.
pub fn own_session(command: &mut Command) {
    // SAFETY: between fork and exec only these two system calls are made, both async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            if libc::setsid() == -1 || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) == -1 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// Sends a signal to one process. A process already gone is no error.
pub fn signal(pid: u32, signal: i32) {
    // SAFETY: kill(2) touches no memory of ours.
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

/// Kills what is left of the process group a server leads.
pub fn kill_group(leader: u32) {
    // SAFETY: as above; the group was made by `own_session`, nobody else is in it.
    unsafe { libc::kill(-(leader as libc::pid_t), libc::SIGKILL) };
}

pub fn is_root() -> bool {
    // SAFETY: geteuid(2) cannot fail and touches no memory.
    unsafe { libc::geteuid() == 0 }
}

/// A process as /proc shows it.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub session: u32,
    pub state: char,
    pub command: String,
}

/// Every process of the machine, less those that vanish while we look.
pub fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc");
    entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).filter_map(process).collect()
}

/// A process, unless it has gone.
pub fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may itself contain blanks and parentheses: what we want stands behind the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned();
    Some(Process { pid, parent, session, state, command })
}

/// Whether clients have connections to this port that the server has not closed yet.
pub fn has_clients(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let local = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let here = fields.next().is_some_and(|address| address.ends_with(&local));
        // ESTABLISHED, CLOSE_WAIT
        here && fields.nth(1).is_some_and(|state| matches!(state, "01" | "08"))
    })
}

/// Whether `bytes` stand somewhere in much memory; searching that is what memmem(3) is fast at.
pub fn contains(memory: &[u8], bytes: &[u8]) -> bool {
    // SAFETY: both slices are valid for their lengths, and nothing is written.
    let found =
        unsafe { libc::memmem(memory.as_ptr().cast(), memory.len(), bytes.as_ptr().cast(), bytes.len()) };
    !found.is_null()
}

/// Whether the process was started with `NAME=value` in its environment.
pub fn has_environment(pid: u32, assignment: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|b| *b == 0).any(|entry| entry == assignment.as_bytes()))
}

/// Gives a file or directory to the user Apache's children run as.
pub fn give_to_www_data(path: &Path) {
    if is_root() {
        let (uid, gid) = www_data();
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).expect("chown to www-data");
    }
}

/// Lets the process started by `command` run as www-data, if root starts it, and own everything in `dir`.
pub fn as_www_data(command: &mut Command, dir: &Path) {
    if is_root() {
        let (uid, gid) = www_data();
        let given = Command::new("chown").args(["-R", &format!("{uid}:{gid}")]).arg(dir).status();
        assert!(given.is_ok_and(|status| status.success()), "chown -R {}", dir.display());
        command.uid(uid).gid(gid);
    }
}

fn www_data() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let entry = passwd.lines().find(|line| line.starts_with("www-data:")).expect("user www-data");
    let mut ids = entry.split(':').skip(2).map(|id| id.parse().expect("numeric id"));
    (ids.next().expect("uid"), ids.next().expect("gid"))
}

/// Whether anything is mounted in a directory, or may be: it must not be removed then.
pub fn holds_a_mount(dir: &Path) -> bool {
    let (Ok(dir), Ok(mounts)) = (fs::canonicalize(dir), fs::read_to_string("/proc/self/mountinfo")) else {
        return dir.exists();
    };
    is_mounted_in(&mounts, &dir)
}

/// The same of a list of mounts (proc_pid_mountinfo(5)), whose fifth word is the place.
fn is_mounted_in(mounts: &str, dir: &Path) -> bool {
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    places.map(Path::new).any(|place| place.starts_with(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_in_a_directory() {
        let mounts = "27 1 254:0 / / rw - ext4 /dev/vda rw\n90 27 254:0 / /tmp/wsgi-1/a-1/root rw - ext4 /dev/vda rw\n";
        for (dir, holds) in [
            ("/", true),
            ("/tmp/wsgi-1/a-1", true),
            ("/tmp/wsgi-1/a-1/root", true),
            ("/tmp/wsgi-1/a", false),
            ("/tmp/wsgi-1/a-1/root/x", false),
            ("/tmp/wsgi-2", false),
        ] {
            assert_eq!(is_mounted_in(mounts, Path::new(dir)), holds, "{dir}");
        }
        assert!(holds_a_mount(Path::new("/")) && !holds_a_mount(Path::new("/no/such/directory")));
    }
}
