//! Apache itself: whether it takes its configuration, which MPM it has, and whether its limits fit the applications'.

use super::pythons::Group;
use super::{Findings, Site};
use std::process::Command;

/// Asks Apache about its configuration; the answer is its MPM, if it says so.
pub fn look(site: &Site, findings: &mut Findings) -> Option<String> {
    let ask = |words: &[&str]| {
        let mut command = Command::new(&site.httpd.program);
        command.args(&site.arguments).args(words).envs(&site.variables);
        command.output().ok()
    };
    let output = ask(&["-t", "-D", "DUMP_MODULES"])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for line in said.lines().filter(|line| line.contains("WSGI")) {
        findings.warning("httpd", line.to_owned());
    }
    if said.contains("DefaultRuntimeDir must be a valid directory") {
        findings.warning(
            "httpd",
            "the directory for Apache's running state is not there, as before its first start; 'apachectl configtest' makes it",
        );
        return None;
    }
    if !output.status.success() {
        let last = said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" / ");
        findings.error(
            "httpd",
            format!("Apache refuses its configuration: {last}; correct it (apachectl configtest)"),
        );
        return None;
    }
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let loaded: Vec<&str> =
        list.lines().filter_map(|line| line.trim().split_once("_module ").map(|(name, _)| name)).collect();
    let mpm = loaded.iter().find_map(|name| name.strip_prefix("mpm_"));
    let shown = mpm.unwrap_or("unknown");
    findings.fact("httpd", format!("the MPM is {shown}; {} modules are loaded", loaded.len()));
    if !loaded.contains(&"wsgi") {
        findings.error("httpd", "the module wsgi is not loaded; Debian: a2enmod wsgi, else add the lines of mod-wsgi module-config");
    }
    if loaded.contains(&"python") {
        findings.error("httpd", "mod_python is loaded, which cannot be in one Apache with this module; remove its LoadModule line");
    }
    mpm.map(str::to_owned)
}

/// What an MPM lets in.
#[derive(Debug, PartialEq, Eq)]
struct Limits {
    /// Threads of each child.
    per_child: u32,
    /// Most children.
    children: u32,
    /// Most requests at a time, as it is written or by default.
    wanted: u32,
}

impl Limits {
    /// With httpd's defaults where nothing is said (`DEFAULT_SERVER_LIMIT`, `DEFAULT_THREADS_PER_CHILD` and
    /// `DEFAULT_THREAD_LIMIT` of its MPMs).
    fn of(mpm: &str, number: impl Fn(&str) -> Option<u32>) -> Self {
        let most = number("maxrequestworkers").or_else(|| number("maxclients"));
        let children = number("serverlimit");
        if mpm == "prefork" || mpm == "itk" {
            return Self { per_child: 1, children: children.unwrap_or(256), wanted: most.unwrap_or(256) };
        }
        let limit = number("threadlimit").unwrap_or(64);
        let per_child = number("threadsperchild").unwrap_or(25).clamp(1, limit.max(1));
        // By default as many as 16 children of 25 threads have, whatever the other directives say.
        Self { per_child, children: children.unwrap_or(16), wanted: most.unwrap_or(16 * 25) }
    }

    /// Requests at a time: Apache takes whole children, and not more than there may be.
    fn workers(&self) -> u32 {
        (self.wanted / self.per_child).clamp(1, self.children.max(1)).saturating_mul(self.per_child)
    }
}

/// Compares threads of applications with what Apache lets in, and with limits of the system.
pub fn limits(site: &Site, mpm: Option<&str>, groups: &[Group], findings: &mut Findings) {
    let named = || {
        let loaded = site.conf.all("loadmodule").filter_map(|line| line.arguments.first());
        loaded.filter_map(|name| name.strip_prefix("mpm_")?.strip_suffix("_module")).last()
    };
    let mpm = mpm.or_else(named).unwrap_or("event");
    let limits = Limits::of(mpm, |name| site.number(name));
    let Limits { per_child, children, wanted } = limits;
    let workers = limits.workers();
    if wanted / per_child > children {
        let (remedy, threads) =
            (wanted.div_ceil(per_child), if per_child == 1 { "thread" } else { "threads" });
        findings.warning(
            "limits",
            format!(
                "MaxRequestWorkers {wanted} is more than ServerLimit {children} with {per_child} {threads} per child, and \
                 Apache lowers it to {workers}; set ServerLimit to {remedy}, or MaxRequestWorkers to {workers}"
            ),
        );
    }
    for group in groups.iter().filter(|group| group.threads > workers) {
        findings.warning(
            "limits",
            format!(
                "{} has {} threads, but Apache lets in {workers} requests at a time (MaxRequestWorkers); lower processes= or \
                 threads=, or raise MaxRequestWorkers",
                group.shown(),
                group.threads
            ),
        );
    }
    let factor =
        site.conf.server("asyncrequestworkerfactor").and_then(|line| line.arguments.first()?.parse().ok());
    let factor: f64 = factor.unwrap_or(2.0);
    // A connection of each client, one to a process of the group for each request, and what Apache needs itself. Only the MPM
    // event has more clients than threads.
    let clients = if mpm == "event" { f64::from(per_child) * (factor + 1.0) } else { f64::from(per_child) };
    let connections = clients.ceil() as u64;
    let needed = connections + u64::from(per_child) + 64;
    if let Some(allowed) = open_files().filter(|allowed| *allowed < needed) {
        findings.warning(
            "limits",
            format!(
                "a child of Apache may need {needed} open files (MPM {mpm}, threads {per_child}, AsyncRequestWorkerFactor \
                 {factor}), and the limit here is {allowed}; raise it (ulimit -n, LimitNOFILE= of systemd)"
            ),
        );
    }
    let threads: u32 = groups.iter().map(|group| group.threads).sum();
    findings.fact(
        "limits",
        format!("Apache lets in {workers} requests at a time; applications have {threads} threads in process groups"),
    );
}

/// How many files a process of this session may open.
fn open_files() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// What SELinux or AppArmor have denied to Apache, if their tools are here.
pub fn security(findings: &mut Findings) {
    let run = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if run("getenforce", &[]).is_some_and(|mode| mode.trim() == "Enforcing") {
        let denied = run("ausearch", &["-m", "avc", "-ts", "today", "-c", "httpd"]).unwrap_or_default();
        match denied.lines().rfind(|line| line.contains("denied")) {
            Some(line) => findings.warning(
                "security",
                format!("SELinux has denied something to httpd today: {line}; see 'ausearch -m avc -c httpd', audit2why says why"),
            ),
            None => findings.fact("security", "SELinux enforces; it has denied nothing to httpd today that is known here"),
        }
    }
    let profiles = std::fs::read_to_string("/sys/kernel/security/apparmor/profiles").unwrap_or_default();
    let profile = profiles.lines().find(|line| ["apache2", "httpd"].iter().any(|name| line.contains(name)));
    if let Some(profile) = profile.filter(|line| line.ends_with("(enforce)")) {
        findings.warning(
            "security",
            format!("AppArmor confines Apache ({profile}); what it denies is in the kernel's log (dmesg): allow it in the profile"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As httpd itself lowers them: tried with `httpd -t` of 2.4, whose log says so.
    #[test]
    fn each_mpm_has_its_own_defaults() {
        let of = |mpm: &str, lines: &[(&str, u32)]| {
            let limits = Limits::of(mpm, |name| {
                lines.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
            });
            (limits.per_child, limits.workers())
        };
        assert_eq!(of("event", &[]), (25, 400));
        assert_eq!(of("worker", &[("serverlimit", 32)]), (25, 400));
        assert_eq!(of("event", &[("threadsperchild", 10)]), (10, 160));
        assert_eq!(of("event", &[("threadsperchild", 100)]), (64, 384));
        assert_eq!(of("event", &[("threadsperchild", 64), ("maxrequestworkers", 2000)]), (64, 1024));
        assert_eq!(of("prefork", &[("threadsperchild", 10)]), (1, 256));
        assert_eq!(of("prefork", &[("maxclients", 500)]), (1, 256));
        assert_eq!(of("prefork", &[("serverlimit", 500), ("maxrequestworkers", 500)]), (1, 500));
    }
}
