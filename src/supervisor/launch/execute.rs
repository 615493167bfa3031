//! What a new process does before it is python: descriptors, user, limits, signals.
#![allow(unsafe_code)]

use super::Plan;
use os::Resource;
use std::ffi::{CStr, CString};
use std::io;
use std::ptr;
use wire::Origin;
use wire::codec::Writer;
use wire::control::Message;
use wire::message as msg;
use wire::worker::descriptor;

/// Forks a process that does `work`.
pub(super) fn in_a_process(work: impl FnOnce()) -> io::Result<u32> {
    // SAFETY: the supervisor has one thread.
    unsafe { os::fork(work) }
}

impl Plan<'_> {
    /// In the new process. It answers only why it could not.
    pub(super) fn execute(&self) -> String {
        if let Err(error) = os::place_descriptors(&self.descriptors, descriptor::END) {
            return format!("descriptors: {error}");
        }
        match self.try_to_execute() {
            Ok(()) => String::new(),
            Err((what, error)) => format!("{what}: {error}"),
        }
    }

    /// Tells the supervisor; there is room, for nothing has been said before.
    pub(super) fn say(&self, message: &Message) {
        let _ = self.ring.put(&message.bytes());
    }

    /// A step that the process can do without has failed.
    fn warn(&self, message: wire::Message, what: &str, error: &io::Error) {
        let line = message.line(format_args!("{what}: {error}"));
        let mut record = Vec::new();
        Origin::NONE.put(&mut Writer(&mut record), line.as_bytes());
        self.say(&Message::Log { level: wire::Level::Warning as i32 as u8, record });
    }

    /// A locale that the system does not know is worth a line.
    fn check_locale(&self, name: &[u8]) {
        let Ok(name) = CString::new(name) else { return };
        if !os::set_locale(&name) {
            let shown = CStr::to_string_lossy(&name).into_owned();
            self.warn(
                msg::LOCALE_UNKNOWN,
                &format!("locale={shown}"),
                &io::Error::other("the system has no such locale ('locale -a' lists those it has)"),
            );
        }
    }

    fn try_to_execute(&self) -> Result<(), (String, io::Error)> {
        let group = &self.live.group;
        // SAFETY: calls on numbers and live C strings, in a process of one thread.
        unsafe {
            if let Some(priority) = group.cpu_priority
                && libc::setpriority(libc::PRIO_PROCESS, 0, priority) != 0
            {
                self.warn(msg::PRIORITY_FAILED, "cpu-priority=", &io::Error::last_os_error());
            }
            // What it starts is found by its session. It leads none yet, so this cannot fail.
            libc::setsid();
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
                self.warn(msg::PROCESS_SETUP, &format!("{what} of the user"), &error);
            }
            self.limit();
            os::reset_signals();
            if let Some(locale) = &group.locale {
                self.check_locale(locale);
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

    /// Becomes the user of the group, irreversibly.
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
        let gid = os::unistd::Gid::from_raw(identity.gid);
        os::unistd::getgrouplist(&name, gid).map_or_else(
            |_| vec![identity.gid],
            |groups| groups.into_iter().map(os::unistd::Gid::as_raw).collect(),
        )
    }

    /// Limits of the system (setrlimit(2)).
    fn limit(&self) {
        let group = &self.live.group;
        let cpu = u64::from(group.cpu_time_limit);
        // What it has is for its requests to finish, and for its successor to start.
        let hard = cpu + 1 + u64::from(group.shutdown_timeout) + u64::from(group.graceful_timeout);
        for (message, what, resource, soft, hard) in [
            (msg::CPU_LIMIT_FAILED, "cpu-time-limit=", Resource::RLIMIT_CPU, cpu, hard),
            (
                msg::MEMORY_LIMIT_FAILED,
                "memory-limit=",
                Resource::RLIMIT_DATA,
                group.memory_limit,
                group.memory_limit,
            ),
            (
                msg::ADDRESS_LIMIT_FAILED,
                "virtual-memory-limit=",
                Resource::RLIMIT_AS,
                group.virtual_memory_limit,
                group.virtual_memory_limit,
            ),
        ] {
            if soft > 0
                && let Err(error) = os::limit(resource, soft, hard)
            {
                self.warn(message, what, &error);
            }
        }
    }
}
