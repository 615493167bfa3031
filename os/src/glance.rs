//! A copy of this process that looks at its own memory while this one goes on, and that may crash over what it sees.

use crate::sibling::clone;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};

/// Where the copy writes: what is meant for standard error gets there, too.
pub const WRITER: RawFd = 2;
/// How long the copy may compute, whatever becomes of this process, seconds.
const MOST_SECONDS: libc::rlim_t = 1;

/// What `look` writes to [`WRITER`] in a copy of this process, until it returns, crashes, has written so many bytes, or the
/// time is over. The copy has ended when this returns.
///
/// Functions of pthread_atfork(3) are not called, and whoever waits for any child does not hear of this one. The copy has the
/// calling thread alone, and whatever others held locked stays locked there: `look` must not allocate, or it may hang until
/// the time is over. Of descriptors it has [`WRITER`] only, so nobody waits for their end because of it. Signals do nothing in it;
/// a crash of its own ends it without a handler and without a core.
pub fn look_in_copy(most: usize, within: Duration, look: impl FnOnce()) -> io::Result<Vec<u8>> {
    let until = Instant::now() + within;
    let (reader, writer) = crate::pipe()?;
    let parent = std::process::id();
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    // SAFETY: no flags, so the copy has memory of its own, and nothing is written to an address. It goes on behind the call
    // with a copy of this stack, and ends in `begin`. What other threads hold is locked or half changed there: `begin` makes
    // system calls only, and what `look` comes upon it may crash over.
    let pid = Errno::result(unsafe { clone(0, ptr::null_mut()) });
    if pid == Ok(0) {
        begin(writer.as_raw_fd(), parent, look);
    }
    let _ = mask.thread_set_mask();
    let copy = Child(pid? as libc::pid_t);
    drop(writer);
    let (mut text, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    while text.len() < most {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() || crate::await_readable(reader.as_raw_fd(), Some(rest)).is_err() {
            break;
        }
        match crate::read(reader.as_raw_fd(), &mut piece) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    drop(copy);
    text.truncate(most);
    Ok(text)
}

/// What the copy does.
fn begin(writer: RawFd, parent: u32, look: impl FnOnce()) -> ! {
    struct End;
    impl Drop for End {
        // Also if it panics.
        fn drop(&mut self) {
            crate::end(0);
        }
    }
    let end = End;
    // SAFETY: system calls on numbers and structures made here. The descriptors are the copy's own, which uses none of them.
    unsafe {
        // Signals are blocked, so one that the copy's own fault raises does what it does by default.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        let short = libc::rlimit { rlim_cur: MOST_SECONDS, rlim_max: MOST_SECONDS };
        libc::setrlimit(libc::RLIMIT_CPU, &short);
        if libc::getppid().unsigned_abs() == parent && libc::dup2(writer, WRITER) == WRITER {
            libc::close(0);
            libc::close(1);
            // A kernel before 5.9 leaves them open for as long as the copy lives.
            libc::syscall(libc::SYS_close_range, WRITER + 1, u32::MAX, 0);
            look();
        }
    }
    drop(end);
    unreachable!("the copy has ended")
}

/// A copy, which has ended when this is dropped.
struct Child(libc::pid_t);

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: a child of this process that nobody else waits for, so the number is its own until it is reaped here.
        unsafe {
            if libc::waitpid(self.0, ptr::null_mut(), libc::__WALL | libc::WNOHANG) != 0 {
                return;
            }
            libc::kill(self.0, libc::SIGKILL);
            while libc::waitpid(self.0, ptr::null_mut(), libc::__WALL) < 0 && Errno::last() == Errno::EINTR {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn say(text: &str) {
        crate::write_all(WRITER, text.as_bytes());
    }

    /// What it writes; afterwards the thread has no child.
    fn looked(most: usize, within: Duration, look: impl FnOnce()) -> String {
        let text = look_in_copy(most, within, look).expect("a copy");
        assert_eq!(
            crate::children_of(std::process::id(), nix::unistd::gettid().as_raw() as u32),
            Some(vec![])
        );
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn a_copy_tells_what_it_sees() {
        let number = std::hint::black_box(7);
        assert_eq!(looked(100, LONG, || say(if number == 7 { "seven" } else { "another" })), "seven");
        assert_eq!(looked(3, LONG, || say("seven")), "sev");
        assert_eq!(looked(1 << 20, LONG, || (0..50_000).for_each(|_| say("four"))).len(), 200_000);
    }

    #[test]
    fn a_copy_that_crashes_has_said_what_it_had_seen() {
        // SAFETY: a page that nobody may read, made here.
        let page = unsafe {
            libc::mmap(ptr::null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
        };
        assert_ne!(page, libc::MAP_FAILED);
        extern "C" fn handler(_: i32) {
            say("handled");
            crate::end(0);
        }
        let text = looked(100, LONG, || {
            // SAFETY: a handler that is async-signal-safe, in the copy alone.
            unsafe { libc::signal(libc::SIGSEGV, handler as extern "C" fn(i32) as libc::sighandler_t) };
            say("before");
            // SAFETY: it is mapped; the copy, which ends over it, is there for that.
            let read = unsafe { ptr::read_volatile(page.cast::<u8>()) };
            say(if read == 0 { "0" } else { "1" });
        });
        assert_eq!(text, "before");
        assert_eq!(looked(100, LONG, || panic!("in the copy")), "");
    }

    #[test]
    fn a_copy_that_hangs_is_ended() {
        let begun = Instant::now();
        let text = looked(100, Duration::from_millis(100), || {
            say("before");
            loop {
                std::hint::spin_loop();
            }
        });
        assert_eq!(text, "before");
        assert!(begun.elapsed() < LONG / 2);
    }

    /// It keeps no descriptor open, and the thread blocks the signals that it has blocked.
    #[test]
    fn nobody_else_notices() {
        let before = SigSet::thread_get_mask().expect("a mask");
        let text = looked(100, LONG, || {
            // SAFETY: asks the system.
            let open = (0..1000).filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0).count();
            say(if open == 1 { "one" } else { "others" });
        });
        assert_eq!(text, "one", "descriptors");
        assert_eq!(SigSet::thread_get_mask().expect("a mask"), before);
    }
}
