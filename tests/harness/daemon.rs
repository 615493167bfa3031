//! Which processes of a server are its daemons: the supervisor, a child of httpd's parent that leads a session of its
//! own, and its workers, children of the supervisor that run a python.

use std::fs;
use std::path::{Path, PathBuf};

use crate::os::{self, Process};
use crate::poll::until;
use crate::server::Server;

impl Server {
    /// Supervisors that are alive; more than one while a generation takes over from another.
    pub fn supervisors(&self) -> Vec<u32> {
        let parent = self.pid();
        let leads = |p: &Process| p.parent == parent && p.session == p.pid && p.state != 'Z';
        os::processes().into_iter().filter(leads).map(|p| p.pid).collect()
    }

    /// Workers that are alive, those of a supervisor that has died among them; not what an application started.
    pub fn workers(&self) -> Vec<u32> {
        let parent = self.pid();
        let all = self.processes();
        let python = |p: &&Process| {
            let program = executable(p.pid).and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
            p.pid != parent && p.state != 'Z' && program.is_some_and(|name| name.starts_with("python"))
        };
        let pythons: Vec<u32> = all.iter().filter(python).map(|p| p.pid).collect();
        let of_python = |p: &&Process| pythons.contains(&p.parent);
        let started: Vec<u32> = all.iter().filter(of_python).map(|p| p.pid).collect();
        let templates = self.templates();
        pythons.into_iter().filter(|pid| !started.contains(pid) && !templates.contains(pid)).collect()
    }

    /// The first worker, which may come some time after Apache is ready.
    #[track_caller]
    pub fn worker(&self) -> u32 {
        until("a worker", || self.workers().first().copied())
    }

    /// Processes that were templates of others, as the log says (`spawn=fork`).
    pub fn templates(&self) -> Vec<u32> {
        let lines = self.logged("WSGI1027: template [0-9]+ of group '.*' is started");
        let pid = |line: &String| line.split("template ").nth(1)?.split(' ').next()?.parse().ok();
        lines.iter().filter_map(pid).collect()
    }
}

/// The program that a process runs. None: it has gone.
pub fn executable(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Whether a process is there, and not only its status.
pub fn is_alive(pid: u32) -> bool {
    os::process(pid).is_some_and(|p| p.state != 'Z')
}

/// Descriptors of a process and what they are.
pub fn descriptors(pid: u32) -> Vec<(i32, PathBuf)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, fs::read_link(e.path()).ok()?)))
        .collect()
}

/// Files that a process has mapped.
pub fn mapped(pid: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mut files: Vec<String> =
        maps.lines().filter_map(|l| l.find('/').map(|at| l[at..].to_owned())).collect();
    files.sort();
    files.dedup();
    files
}

/// Sockets on which anybody listens for TCP, as descriptors name them.
pub fn listening() -> Vec<PathBuf> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|t| fs::read_to_string(t).unwrap_or_default());
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(3) == Some(&"0A")).then(|| Path::new(&format!("socket:[{}]", fields[9])).to_owned())
    };
    tables.iter().flat_map(|t| t.lines().filter_map(socket).collect::<Vec<_>>()).collect()
}

/// Whether the memory of a process holds these bytes anywhere that can be read.
pub fn holds(pid: u32, bytes: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let Ok(memory) = fs::File::open(format!("/proc/{pid}/mem")) else { return false };
    let range = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some((number(from)?, number(to)?)).filter(|_| rest.starts_with("rw") && !rest.contains("[vv"))
    };
    maps.lines().filter_map(range).any(|(from, to)| {
        let mut area = vec![0; (to - from) as usize];
        // A part that cannot be read, say of a file that was cut, ends the area.
        let mut read = 0;
        while let Ok(n @ 1..) = memory.read_at(&mut area[read..], from + read as u64) {
            read += n;
        }
        os::contains(&area[..read], bytes)
    })
}
