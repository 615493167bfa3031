//! What a process has started and left behind. Each leads a session of its own, of which its copies and programs are, unless they
//! make another (`setsid`, `start_new_session=True`).

use super::events::{Events, Source, Watched, WorkerId};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

/// Members that are known of a session, at most.
const MOST: usize = 256;

/// The members of all sessions but their leaders, at one moment. To list them is to look at all processes of the system, so
/// it is done once for all those that are found to have ended together: 300 groups that end one by one cost seconds.
#[derive(Default)]
pub struct Sessions(OnceCell<HashMap<u32, Vec<u32>>>);

impl Sessions {
    fn members(&self, session: u32) -> &[u32] {
        self.0.get_or_init(list).get(&session).map_or(&[], Vec::as_slice)
    }

    /// Ends the members of a session whose leader has ended, and was not reaped, before they were listed; answers how many
    /// there were.
    pub fn kill(&self, session: u32) -> usize {
        if self.members(session).is_empty() { 0 } else { kill(session) }
    }
}

/// What is left of a process's session when it has ended.
pub struct Remains {
    session: u32,
    /// By them it is known that the session is still the same: its number is given away again when all members have gone.
    members: Vec<(u32, Watched<OwnedFd>)>,
}

impl Remains {
    /// The processes of the session of a worker that has ended and was not reaped yet, so that its number is still
    /// its own. `None`: no process is left.
    pub fn of(id: WorkerId, session: u32, sessions: &Sessions, events: &Rc<Events>) -> Option<Self> {
        let open = |pid: &u32| {
            let process = events.watch(os::process(*pid).ok()?, Source::Remains(id, *pid)).ok()?;
            // Its number may have been given away since they were listed.
            (session_of(*pid) == Some(session)).then_some((*pid, process))
        };
        let members: Vec<_> = sessions.members(session).iter().take(MOST).filter_map(open).collect();
        (!members.is_empty()).then_some(Self { session, members })
    }

    /// Forgets a member that has ended; false: none is left.
    pub fn are_left_without(&mut self, pid: u32) -> bool {
        self.members.retain(|(member, _)| *member != pid);
        !self.members.is_empty()
    }

    /// Ends them; answers how many there were.
    pub fn kill(&self) -> usize {
        let fds: Vec<RawFd> = self.members.iter().map(|(_, process)| process.as_raw_fd()).collect();
        let is_same = os::poll(&fds, std::time::Duration::ZERO).contains(&false);
        if is_same { kill(self.session) } else { 0 }
    }
}

/// Ends all members of a session but its leader, who has not been reaped, or of whom one lives. Answers how many there were.
pub fn kill(session: u32) -> usize {
    // One that was killed is listed until it has ended.
    let mut killed = std::collections::BTreeSet::new();
    // One may fork while it is looked for.
    for _ in 0..5 {
        let members = list().remove(&session).unwrap_or_default();
        if members.is_empty() {
            break;
        }
        // Its number may have been given away since: the descriptor is of whoever has it now, and that one is asked again.
        killed.extend(members.into_iter().filter(|pid| {
            let Ok(process) = os::process(*pid) else { return false };
            session_of(*pid) == Some(session) && os::kill_exactly(&process)
        }));
    }
    killed.len()
}

/// The members of all sessions but their leaders, as the system lists processes.
fn list() -> HashMap<u32, Vec<u32>> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut all: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, session) in pids.filter_map(|pid: u32| Some((pid, session_of(pid)?))) {
        if pid != session {
            all.entry(session).or_default().push(pid);
        }
    }
    all
}

/// The session of a process that has not ended.
fn session_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in parentheses, may hold anything (proc(5)).
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = wire::shown(stat.get(end + 1..)?).into_owned();
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let session = fields.nth(2)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// A shell that leads a session, with two programs that take no notice of SIGTERM, and which ends at once.
    fn left_behind() -> (std::process::Child, u32) {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' TERM; sleep 1000 & sleep 1000 & exit 0"]).stdout(Stdio::null());
        // SAFETY: one async-signal-safe call.
        #[allow(unsafe_code)]
        unsafe {
            shell.pre_exec(|| if libc::setsid() < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) });
        }
        let child = shell.spawn().unwrap();
        let pid = child.id();
        let until = Instant::now() + Duration::from_secs(5);
        while session_of(pid).is_some() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        (child, pid)
    }

    #[test]
    fn what_is_left_of_a_session_is_found_and_ended() {
        let (mut child, session) = left_behind();
        child.wait().unwrap();
        let events = Events::new().unwrap();
        let id = WorkerId { group: 0, serial: 1 };
        let of = || Remains::of(id, session, &Sessions::default(), &events);
        let until = Instant::now() + Duration::from_secs(5);
        let mut remains = of().expect("two programs");
        while remains.members.len() != 2 && Instant::now() < until {
            remains = of().expect("two programs");
        }
        assert_eq!(remains.members.len(), 2);
        assert!(remains.are_left_without(session));
        assert_eq!(remains.kill(), 2);
        let mut are_left = true;
        while are_left && Instant::now() < until {
            for source in events.wait() {
                let Source::Remains(of, pid) = source else { panic!("{source:?}") };
                assert_eq!(of, id);
                are_left = remains.are_left_without(pid);
            }
        }
        assert!(!are_left);
        assert_eq!(remains.kill(), 0);
        assert!(of().is_none());
    }
}
