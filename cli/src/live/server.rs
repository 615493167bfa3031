//! A running server: what its status page shows, and which process is meant by a word.

use super::socket::Place;
use super::table::{clean, list, number, text};
use crate::args;
use crate::failure::Failure;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a child of Apache may take to say what the status page shows.
const WAIT: Duration = Duration::from_secs(5);
/// How long the first child of Apache may take to come.
const FOR_CHILDREN: Duration = Duration::from_secs(2);
/// So many children are tried.
const MOST_TRIES: usize = 5;

/// A running server.
pub struct Server {
    /// Where it is asked.
    pub place: Place,
    /// What its status page shows, as JSON.
    pub state: Value,
}

/// A process that can be asked.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// The group it is of.
    pub group: String,
}

impl Server {
    /// Finds it, and asks a child of Apache what it does.
    pub fn find(named: &args::Place) -> Result<Self, Failure> {
        let place = Place::find(named)?;
        let until = Instant::now() + FOR_CHILDREN;
        let mut last = None;
        loop {
            for pid in place.children()?.into_iter().take(MOST_TRIES) {
                match place.ask(pid, "status", WAIT) {
                    Ok(state) => return Ok(Self { place, state }),
                    Err(failure) => last = Some(failure),
                }
            }
            if last.is_some() || Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(last.unwrap_or_else(|| {
            Failure::new("Apache has no child that can be asked; ask again in a moment, unless mpm_itk is loaded, with which none ever can")
        }))
    }

    /// The processes that a word means, a pid or the name of a group; all of them without one.
    pub fn processes(&self, target: Option<&str>) -> Result<Vec<Process>, Failure> {
        let mut all = Vec::new();
        for group in list(&self.state, "groups") {
            let serves = |process: &&Value| {
                text(process, "phase") != "no Python" && text(process, "phase") != "template"
            };
            for process in list(group, "processes").iter().filter(serves) {
                let pid = u32::try_from(number(process, "pid")).unwrap_or(0);
                all.push(Process { pid, group: clean(text(group, "name")) });
            }
        }
        let Some(target) = target else { return Ok(all) };
        if let Some(pid) = target.parse().ok().filter(|pid| self.may_be_asked(*pid)) {
            let known = all.into_iter().find(|process| process.pid == pid);
            return Ok(vec![known.unwrap_or(Process { pid, group: "?".into() })]);
        }
        let names: Vec<String> =
            list(&self.state, "groups").iter().map(|group| clean(text(group, "name"))).collect();
        if !names.iter().any(|name| name == target) {
            return Err(Failure::usage(format!(
                "there is no group and no process {target}; groups are {}, and 'mod-wsgi status' has the pids",
                names.join(", ")
            )));
        }
        all.retain(|process| process.group == target);
        if all.is_empty() {
            return Err(Failure::new(format!(
                "group {target} has no process now; 'mod-wsgi status' says what keeps it from having one"
            )));
        }
        Ok(all)
    }

    fn may_be_asked(&self, pid: u32) -> bool {
        self.place.workers().contains(&pid) || self.place.children().is_ok_and(|all| all.contains(&pid))
    }

    /// Groups that a word means, with their requests that no process has yet.
    pub fn without_process(&self, target: Option<&str>) -> Vec<(String, Vec<&Value>)> {
        let waiting = |group| {
            let name = clean(text(group, "name"));
            let all = list(group, "requests").iter().filter(|request| number(request, "pid") == 0);
            let all: Vec<_> = all.collect();
            (!all.is_empty() && target.is_none_or(|target| target == name)).then_some((name, all))
        };
        list(&self.state, "groups").iter().filter_map(waiting).collect()
    }

    /// The requests of a process, as Apache knows them.
    pub fn requests_of(&self, pid: u32) -> Vec<&Value> {
        let all = list(&self.state, "groups").iter().flat_map(|group| list(group, "requests"));
        all.filter(|request| number(request, "pid") == u64::from(pid)).collect()
    }
}
