//! Makes a process of a group: forks, becomes the group's user, and executes its python.
#![allow(unsafe_code)]

use super::Context;
use super::process::Process;
use crate::daemon::groups::Live;
use crate::daemon::os;
use crate::embedded;
use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;
use wire::control::Message;
use wire::message as msg;
use wire::worker::{Settings, descriptor};

/// The first lines that its python runs: they load the engine.
const BOOT: &str = "import os
import faulthandler
from importlib.machinery import ExtensionFileLoader, ModuleSpec
faulthandler.enable(2)
path = '/proc/self/fd/3'
loader = ExtensionFileLoader('_mod_wsgi', path)
engine = loader.create_module(ModuleSpec('_mod_wsgi', loader, origin=path))
loader.exec_module(engine)
engine.work()
";

/// What the new process does, prepared before it is forked.
struct Plan<'a> {
    live: &'a Live,
    /// Where each descriptor goes.
    descriptors: Vec<(RawFd, RawFd)>,
    executable: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    directory: Option<CString>,
    may_miss_directory: bool,
}

/// Forks it.
pub fn launch(context: &Context, live: &'static Live, settings: &Settings) -> Result<Process, String> {
    let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    let python = live.python.as_ref().map_err(String::clone)?;
    let (ours, theirs) = os::pair().map_err(failed("socketpair"))?;
    let file = os::memory(c"mod_wsgi settings", &settings.bytes()).map_err(failed("memfd"))?;
    let null = std::fs::File::open("/dev/null").map_err(failed("/dev/null"))?;
    let log = context.server(live).log_descriptor().unwrap_or(2);
    let config = context.main.config();
    let mut arguments = vec![python.executable.as_os_str().as_bytes().to_vec()];
    arguments.extend(embedded::arguments(config));
    arguments.extend([b"-c".to_vec(), BOOT.as_bytes().to_vec()]);
    let seed = embedded::hash_seed(config);
    let directory = directory(live, settings);
    let plan = Plan {
        live,
        descriptors: vec![
            (null.as_raw_fd(), 0),
            (log, 1),
            (log, 2),
            (context.engine.as_raw_fd(), descriptor::ENGINE),
            (file.as_raw_fd(), descriptor::SETTINGS),
            (theirs.as_raw_fd(), descriptor::CONTROL),
            (live.listener, descriptor::LISTENER),
            (live.claims_file, descriptor::CLAIMS),
            (embedded::board::descriptor(), descriptor::BOARD),
            (context.httpd.as_raw_fd(), descriptor::HTTPD),
        ],
        executable: c_string(python.executable.as_os_str().as_bytes())?,
        arguments: arguments.iter().map(|text| c_string(text)).collect::<Result<_, _>>()?,
        environment: environment(live, seed).iter().map(|text| c_string(text)).collect::<Result<_, _>>()?,
        may_miss_directory: live.group.home.is_none(),
        directory: directory.map(|path| c_string(&path)).transpose()?,
    };
    let pid = os::fork(|| {
        let (why, channel) = plan.execute(theirs.as_raw_fd());
        let _ = os::send_datagram(channel, &Message::Failed(why.into_bytes()).bytes());
        os::end(1)
    });
    let pid = pid.map_err(failed("fork"))?;
    let ended = os::process(pid).map_err(failed("pidfd_open"))?;
    Ok(Process::new(pid, ended, ours))
}

fn c_string(text: &[u8]) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("'{}' holds a NUL", String::from_utf8_lossy(text)))
}

/// Where the process stands: `home=`; else the directory of its one Django project; else, if it is not Apache's own user,
/// the user's home directory.
fn directory(live: &Live, settings: &Settings) -> Option<Vec<u8>> {
    if let Some(home) = &live.group.home {
        return Some(home.clone());
    }
    let mut projects =
        settings.plans.iter().filter(|plan| plan.preload).filter_map(|plan| plan.django.as_ref());
    if let (Some(django), None) = (projects.next(), projects.next()) {
        return Some(django.project.clone());
    }
    live.identity.home.clone().filter(|_| !live.is_apaches)
}

/// httpd's environment with what the options say: HOME always, the names of the user where they are there already.
fn environment(live: &Live, seed: Option<String>) -> Vec<Vec<u8>> {
    let mut all: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let mut set = |name: &str, value: Option<&[u8]>, always: bool| {
        let Some(value) = value else { return };
        let value = OsString::from_vec(value.to_vec());
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None if always => all.push((name.into(), value)),
            None => {}
        }
    };
    let name = live.identity.name.as_deref().map(str::as_bytes);
    set("HOME", live.identity.home.as_deref(), true);
    for variable in ["USER", "USERNAME", "LOGNAME"] {
        set(variable, name, false);
    }
    set("LANG", live.group.lang.as_deref(), true);
    set("LC_ALL", live.group.locale.as_deref(), true);
    set("PYTHON_EGG_CACHE", live.group.python_eggs.as_deref(), true);
    set("PYTHONHASHSEED", seed.as_deref().map(str::as_bytes), true);
    all.into_iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()).collect()
}

impl Plan<'_> {
    /// In the new process. It answers only why it could not, and where that can be told.
    fn execute(&self, channel: RawFd) -> (String, RawFd) {
        if let Err(error) = self.place_descriptors() {
            return (format!("descriptors: {error}"), channel);
        }
        let why = match self.try_to_execute() {
            Ok(()) => String::new(),
            Err((what, error)) => format!("{what}: {error}"),
        };
        (why, descriptor::CONTROL)
    }

    fn try_to_execute(&self) -> Result<(), (String, io::Error)> {
        let group = &self.live.group;
        // SAFETY: calls on numbers and live C strings, in a process of one thread.
        unsafe {
            if let Some(priority) = group.cpu_priority
                && libc::setpriority(libc::PRIO_PROCESS, 0, priority) != 0
            {
                warn(msg::PRIORITY_FAILED, "cpu-priority=", &io::Error::last_os_error());
            }
            self.become_user()?;
            if let Some(mask) = group.umask {
                libc::umask(mask);
            }
            if let Some(directory) = &self.directory
                && libc::chdir(directory.as_ptr()) != 0
            {
                let error = io::Error::last_os_error();
                let what = format!("the directory '{}'", directory.to_string_lossy());
                if !self.may_miss_directory {
                    return Err((format!("home=: {what} cannot be entered"), error));
                }
                warn(msg::PROCESS_SETUP, &format!("{what} of the user"), &error);
            }
            self.limit();
            reset_signals();
            if let Some(locale) = &group.locale {
                check_locale(locale);
            }
            let mut arguments: Vec<_> = self.arguments.iter().map(|text| text.as_ptr()).collect();
            arguments.push(ptr::null());
            let mut environment: Vec<_> = self.environment.iter().map(|text| text.as_ptr()).collect();
            environment.push(ptr::null());
            libc::execve(self.executable.as_ptr(), arguments.as_ptr(), environment.as_ptr());
        }
        let what = format!("'{}' cannot be executed", self.executable.to_string_lossy());
        Err((what, io::Error::last_os_error()))
    }

    /// Ours go to their places, all others are closed.
    fn place_descriptors(&self) -> io::Result<()> {
        const OUT_OF_THE_WAY: RawFd = 64;
        // SAFETY: calls on numbers.
        unsafe {
            let mut moved = Vec::new();
            for (from, to) in &self.descriptors {
                let fd = libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
                if fd < 0 {
                    return Err(io::Error::last_os_error());
                }
                moved.push((fd, *to));
            }
            for (from, to) in moved {
                if libc::dup2(from, to) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            if libc::syscall(libc::SYS_close_range, descriptor::END, u32::MAX, 0) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }

    /// For good.
    ///
    /// # Safety
    /// The process has one thread.
    unsafe fn become_user(&self) -> Result<(), (String, io::Error)> {
        let (group, identity) = (&self.live.group, &self.live.identity);
        let check = |answer: libc::c_int, what: &str| {
            if answer == 0 { Ok(()) } else { Err((what.to_owned(), io::Error::last_os_error())) }
        };
        // SAFETY: says the caller; numbers and live C strings.
        unsafe {
            if libc::geteuid() != 0 {
                return Ok(());
            }
            if let Some(chroot) = &group.chroot {
                let path = CString::new(chroot.clone()).unwrap_or_default();
                // Names of users are looked up outside.
                let groups = self.further_groups();
                check(libc::chroot(path.as_ptr()), "chroot=")?;
                check(libc::chdir(c"/".as_ptr()), "chroot=")?;
                check(libc::setgroups(groups.len(), groups.as_ptr()), "supplementary groups")?;
            } else if let Some(groups) = &group.supplementary {
                check(libc::setgroups(groups.len(), groups.as_ptr()), "supplementary-groups=")?;
            } else if let Some(name) = identity.name.as_deref().and_then(|name| CString::new(name).ok()) {
                check(libc::initgroups(name.as_ptr(), identity.gid), "groups of the user")?;
            } else {
                check(libc::setgroups(1, &identity.gid), "groups of the user")?;
            }
            check(libc::setgid(identity.gid), "group=")?;
            check(libc::setuid(identity.uid), "user=")?;
        }
        Ok(())
    }

    fn further_groups(&self) -> Vec<libc::gid_t> {
        if let Some(groups) = &self.live.group.supplementary {
            return groups.clone();
        }
        let identity = &self.live.identity;
        let Some(name) = identity.name.as_deref().and_then(|name| CString::new(name).ok()) else {
            return vec![identity.gid];
        };
        let mut groups = vec![0; 256];
        let mut count = groups.len() as libc::c_int;
        // SAFETY: room for as many as is said.
        unsafe { libc::getgrouplist(name.as_ptr(), identity.gid, groups.as_mut_ptr(), &mut count) };
        groups.truncate(usize::try_from(count).unwrap_or(0));
        groups
    }

    /// Limits of the system (setrlimit(2)).
    fn limit(&self) {
        let group = &self.live.group;
        let cpu = u64::from(group.cpu_time_limit);
        // What it has is for its requests to finish, and for its successor to start.
        let hard = cpu + 1 + u64::from(group.shutdown_timeout) + u64::from(group.graceful_timeout);
        for (message, what, resource, soft, hard) in [
            (msg::CPU_LIMIT_FAILED, "cpu-time-limit=", libc::RLIMIT_CPU, cpu, hard),
            (
                msg::MEMORY_LIMIT_FAILED,
                "memory-limit=",
                libc::RLIMIT_DATA,
                group.memory_limit,
                group.memory_limit,
            ),
            (
                msg::ADDRESS_LIMIT_FAILED,
                "virtual-memory-limit=",
                libc::RLIMIT_AS,
                group.virtual_memory_limit,
                group.virtual_memory_limit,
            ),
        ] {
            let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
            // SAFETY: a live structure.
            if soft > 0 && unsafe { libc::setrlimit(resource, &limit) } != 0 {
                warn(message, what, &io::Error::last_os_error());
            }
        }
    }
}

/// A step that the process can do without has failed.
fn warn(message: wire::Message, what: &str, error: &io::Error) {
    let line = format!("{message}: {what}: {error}");
    let message = Message::Log { level: wire::Level::Warning as i32 as u8, line: line.into_bytes() };
    let _ = os::send_datagram(descriptor::CONTROL, &message.bytes());
}

/// A locale that the system does not know is worth a line.
fn check_locale(name: &[u8]) {
    let Ok(name) = CString::new(name) else { return };
    // SAFETY: a C string; the process is about to be replaced.
    if unsafe { libc::setlocale(libc::LC_ALL, name.as_ptr()) }.is_null() {
        let shown = CStr::to_string_lossy(&name).into_owned();
        warn(
            msg::LOCALE_UNKNOWN,
            &format!("locale={shown}"),
            &io::Error::other("the system does not know it ('locale -a' lists what it knows)"),
        );
    }
}

/// As a new process has them: what is ignored or blocked stays so across exec.
fn reset_signals() {
    // SAFETY: calls on numbers.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
}
