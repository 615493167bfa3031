//! The threads of a process, as the system sees them.

use crate::usage::{behind_name, unit};
use nix::unistd::SysconfVar;
use std::fs;
use std::path::Path;

/// Threads that are listed, at most.
const MOST: usize = 4096;

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// What it does: `running`, `sleeping`, …
    pub state: &'static str,
    /// Microseconds that it has had a processor.
    pub computed: u64,
    /// The function of the system that it sleeps in, if the system says that.
    pub waits_in: String,
}

/// Those of this process.
pub fn tasks() -> Vec<Task> {
    tasks_in(Path::new("/proc/self/task"))
}

/// Those of another process; none where it has ended, or the system does not show it.
pub fn tasks_of(pid: u32) -> Vec<Task> {
    tasks_in(Path::new(&format!("/proc/{pid}/task")))
}

fn tasks_in(directory: &Path) -> Vec<Task> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().take(MOST);
    let mut tasks: Vec<Task> =
        entries.filter_map(|entry| task(directory, entry.file_name().to_str()?)).collect();
    tasks.sort_by_key(|task| task.number);
    tasks
}

fn task(directory: &Path, number: &str) -> Option<Task> {
    let of = |file: &str| fs::read(directory.join(number).join(file)).ok();
    let stat = of("stat")?;
    let text = String::from_utf8_lossy(behind_name(&stat)?).into_owned();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let name = of("comm").unwrap_or_default();
    let waits_in = of("wchan").unwrap_or_default();
    Some(Task {
        number: number.parse().ok()?,
        name: String::from_utf8_lossy(&name).trim_end().to_owned(),
        state: match *fields.first()? {
            "R" => "running",
            "S" | "I" => "sleeping",
            "D" => "waiting for a device",
            "T" | "t" => "stopped",
            _ => "ended",
        },
        computed: ticks(11)?.saturating_add(ticks(12)?).saturating_mul(1_000_000)
            / unit(SysconfVar::CLK_TCK, 100).max(1),
        waits_in: String::from_utf8_lossy(&waits_in).trim_matches(['0', '\n']).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn threads_are_listed_by_name() {
        let (stop, stopped) = channel::<()>();
        let body = move || {
            let _ = stopped.recv();
        };
        let thread = std::thread::Builder::new().name("a test's (one)".into()).spawn(body).expect("starts");
        let found = || tasks().into_iter().find(|task| task.name == "a test's (one)");
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while found().is_none_or(|task| task.state != "sleeping") && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(found().expect("it lives").state, "sleeping");
        assert_eq!(tasks_of(std::process::id()).len(), tasks().len(), "this process is one like others");
        drop(stop);
        thread.join().expect("ends");
    }
}
