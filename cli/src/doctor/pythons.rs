//! Which python each process group runs, and why; packages that do not work where an application runs.

use super::conf::Directive;
use super::{Findings, Site};
use crate::identity::{gid_of, ids_of, own_user};
use crate::site::most_processes;
use os::unistd::geteuid;
use pythons::{Python, Search, User};
use std::path::{Path, PathBuf};

/// Where applications run: a process group, or Apache's children.
pub struct Group {
    /// Its name; `None`: Apache's children.
    pub name: Option<String>,
    /// Whom its processes run as.
    pub user: User,
    /// What names its python: the directive or option, and the value.
    pub home: Option<(&'static str, PathBuf)>,
    /// Its working directory.
    pub directory: Option<PathBuf>,
    /// Requests that it serves at the same time.
    pub threads: u32,
    /// The applications that run there, and their interpreters.
    pub applications: Vec<Application>,
}

/// An application of a group.
pub struct Application {
    /// Its script, or manage.py of its project.
    pub script: PathBuf,
    /// It runs in the main interpreter.
    pub is_in_main: bool,
}

impl Group {
    /// What it is called.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("group {name}"),
            None => "embedded mode".to_owned(),
        }
    }
}

/// Packages with extension modules that refuse a second interpreter of a process, or fail in it.
const ONE_INTERPRETER: [&str; 22] = [
    "bcrypt",
    "cryptography",
    "cv2",
    "grpc",
    "jiter",
    "lxml",
    "matplotlib",
    "nh3",
    "numpy",
    "orjson",
    "pandas",
    "polars",
    "psycopg2",
    "pyarrow",
    "pydantic_core",
    "rpds",
    "scipy",
    "sklearn",
    "tensorflow",
    "tiktoken",
    "tokenizers",
    "torch",
];

/// All groups that the configuration defines, and Apache's children if an application runs there.
pub fn groups(site: &Site) -> Vec<Group> {
    let server_home = site.conf.server("wsgipythonhome").and_then(|line| line.arguments.first());
    let server_home = server_home.map(|home| ("WSGIPythonHome ", site.conf.path(home)));
    let apache = apaches_user(site);
    let mut groups: Vec<Group> = Vec::new();
    for line in site.conf.all("wsgidaemonprocess") {
        let Some(name) = line.arguments.first() else { continue };
        if groups.iter().any(|group| group.name.as_ref() == Some(name)) {
            continue;
        }
        let own_home = line.option("python-home").map(|home| ("python-home=", site.conf.path(home)));
        groups.push(Group {
            name: Some(name.clone()),
            user: users_of(line, &apache),
            home: own_home.or_else(|| server_home.clone()),
            directory: line.option("home").map(PathBuf::from),
            threads: threads(line),
            applications: Vec::new(),
        });
    }
    let mut embedded = Group {
        name: None,
        user: apache,
        home: server_home,
        directory: None,
        threads: 0,
        applications: Vec::new(),
    };
    for (directive, file) in
        [("wsgiscriptalias", ""), ("wsgiscriptaliasmatch", ""), ("wsgidjangoalias", "manage.py")]
    {
        for line in site.conf.all(directive) {
            let Some(script) = line.arguments.get(1).filter(|script| !script.contains('$')) else { continue };
            let named = |directive: &'static str| {
                site.conf.all(directive).filter(|other| other.inside.len() <= line.inside.len()).last()
            };
            let word = |option: &str, directive: &'static str| {
                let own = line.option(option).map(str::to_owned);
                own.or_else(|| named(directive)?.arguments.first().cloned())
            };
            let application = Application {
                script: if file.is_empty() {
                    site.conf.path(script)
                } else {
                    site.conf.path(script).join(file)
                },
                is_in_main: word("application-group", "wsgiapplicationgroup")
                    .is_some_and(|name| name == "%{GLOBAL}"),
            };
            let place = word("process-group", "wsgiprocessgroup");
            match groups.iter_mut().find(|group| group.name == place && place.is_some()) {
                Some(group) => group.applications.push(application),
                None => embedded.applications.push(application),
            }
        }
    }
    if !embedded.applications.is_empty() {
        groups.push(embedded);
    }
    groups
}

/// Says of each group which python it has; and of its packages which do not work there.
pub fn look(site: &Site, groups: &[Group], findings: &mut Findings) {
    if groups.is_empty() {
        findings.warning(
            "python",
            "the configuration has no application; mount one with WSGIScriptAlias or WSGIDjangoAlias, or try mod-wsgi serve",
        );
    }
    let restricted = site.conf.server("wsgirestrictembedded").and_then(|line| line.arguments.first());
    let restricted = restricted.is_some_and(|value| value.eq_ignore_ascii_case("on"));
    for group in groups {
        if group.name.is_none() && restricted {
            findings.error(
                "python",
                "an application has no process group, and WSGIRestrictEmbedded is On; add process-group= to its alias",
            );
            continue;
        }
        let (said_by, home) =
            group.home.as_ref().map_or(("", None), |(said_by, home)| (*said_by, Some(home.as_path())));
        let search = Search { home, said_by, user: &group.user, deadline: Search::DEADLINE };
        let found = if group.name.is_some() { search.executable() } else { search.embeddable() };
        match found {
            Ok(python) => {
                let why = match home {
                    Some(home) => format!("because of {said_by}{}", home.display()),
                    None => "because nothing names another (WSGIPythonHome)".to_owned(),
                };
                findings.fact(
                    "python",
                    format!(
                        "{} runs Python {} ({}) as {}, {why}",
                        group.shown(),
                        python.version,
                        python.executable.display(),
                        group.user
                    ),
                );
                packages(group, &python, findings);
            }
            Err(problem) => findings.error("python", format!("{}: {problem}", group.shown())),
        }
    }
}

fn packages(group: &Group, python: &Python, findings: &mut Findings) {
    if group.applications.iter().all(|application| application.is_in_main) {
        return;
    }
    let places: Vec<PathBuf> = crate::httpd::packages(&Path::new(&python.prefix).join("lib")).collect();
    let is_there = |name: &&str| places.iter().any(|place| place.join(name).is_dir());
    let found: Vec<&str> = ONE_INTERPRETER.iter().copied().filter(is_there).collect();
    if !found.is_empty() {
        findings.warning(
            "packages",
            format!(
                "{} has an application outside of the main interpreter, where {} may fail; if it uses them, give it \
                 application-group=%{{GLOBAL}}",
                group.shown(),
                found.join(", ")
            ),
        );
    }
}

/// Whom Apache's children run as.
pub fn apaches_user(site: &Site) -> User {
    let word = |name: &str| site.conf.server(name)?.arguments.first().cloned();
    // Only root can become another user.
    match word("user").filter(|_| geteuid().is_root()) {
        Some(name) => {
            let user = user_of(&name);
            User { gid: word("group").and_then(|name| gid_of(&name)).unwrap_or(user.gid), ..user }
        }
        None => own_user(),
    }
}

/// Whom the processes of a group run as: Apache's user and group, but for what the line says.
fn users_of(line: &Directive, apache: &User) -> User {
    let gid = line.option("group").and_then(gid_of).unwrap_or(apache.gid);
    let user = line.option("user").filter(|_| geteuid().is_root());
    user.map_or_else(|| User { gid, ..apache.clone() }, |name| User { gid, ..user_of(name) })
}

fn user_of(name: &str) -> User {
    // A user that is not there reads what everybody may.
    let (uid, gid) = ids_of(name).unwrap_or((65534, 65534));
    User { uid, gid, name: Some(name.to_owned()) }
}

/// Most requests that a group serves at the same time.
fn threads(line: &Directive) -> u32 {
    let threads = line.option("threads").and_then(|text| text.parse().ok()).unwrap_or(15);
    let processes = line.option("processes").and_then(|text| most_processes(text).ok()).unwrap_or(1);
    processes.saturating_mul(threads)
}
