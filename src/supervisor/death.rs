//! How a process ended, in words.

/// `exit status 1`, `signal 11 (SIGSEGV)`
pub fn how(status: i32) -> String {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        return format!("signal {signal} ({})", name(signal));
    }
    format!("exit status {}", libc::WEXITSTATUS(status))
}

/// Whether the process ended by exit(0).
pub fn is_clean(status: i32) -> bool {
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

/// What ends of this kind are usually about.
pub fn hint(status: i32) -> &'static str {
    if !libc::WIFSIGNALED(status) {
        return "C code of an application may have called exit()";
    }
    match libc::WTERMSIG(status) {
        libc::SIGKILL => {
            "killed by the system because memory ran out (see the kernel's log), or by an administrator"
        }
        libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE | libc::SIGABRT => {
            "usually an extension module is at fault; see the stacks above"
        }
        libc::SIGXCPU => "it reached cpu-time-limit",
        libc::SIGALRM | libc::SIGVTALRM | libc::SIGPROF => {
            "an application set a timer (signal.alarm, signal.setitimer), but has no handler for it: WSGIRestrictSignal On \
             ignores handlers"
        }
        _ => "a signal without a handler",
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGINT => "SIGINT",
        libc::SIGHUP => "SIGHUP",
        libc::SIGSYS => "SIGSYS",
        libc::SIGALRM => "SIGALRM",
        _ => "see signal(7)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_named() {
        assert_eq!(how(0x0100), "exit status 1");
        assert_eq!(how(11), "signal 11 (SIGSEGV)");
        assert!(is_clean(0) && !is_clean(0x0100) && !is_clean(9));
    }
}
