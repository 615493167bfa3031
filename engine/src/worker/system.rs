//! What a worker does to its own process: what it inherited, signals, copies, its title, its locale, its end.
#![allow(unsafe_code)]

use os::Signal;
use std::io;
use std::mem;
use std::os::fd::{OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use wire::scoreboard::{self, Board, Scoreboard};
use wire::worker::descriptor;

/// A descriptor that the supervisor left here for us alone, from now on closed in programs that the application starts.
pub fn inherited(fd: RawFd) -> OwnedFd {
    // SAFETY: the supervisor opened the descriptors with fixed numbers for this process, and each is taken once.
    unsafe { os::inherited(fd) }
}

/// In a worker that was forked: what was sent for it takes the places of what its template had.
pub fn put_in_place(files: Vec<OwnedFd>) -> io::Result<()> {
    for (file, number) in files.into_iter().zip(descriptor::FORKED) {
        // SAFETY: the template does nothing in its copy; what it had under these numbers is used no more, but for the start
        // registry, which is the same file.
        unsafe { os::put_in_place(file, number)? };
    }
    Ok(())
}

/// The scoreboard of a group with so many threads, mapped for as long as the process lives.
pub fn scoreboard(fd: OwnedFd, threads: u32) -> io::Result<Board<'static>> {
    let len = usize::try_from(std::fs::File::from(fd.try_clone()?).metadata()?.len()).unwrap_or(0);
    let records = scoreboard::records(threads);
    let slots = Scoreboard::slots_in(len, records);
    if slots == 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let group = os::Mapping::<Scoreboard>::new(&fd, len)?.leak();
    // SAFETY: it is mapped for good, as long as the file.
    Ok(unsafe { Board::new(group, slots, records) })
}

/// Has these signals noted; the event happens when one has come.
pub fn catch_signals(signals: &[Signal]) -> io::Result<os::Event> {
    let event = os::Event::new()?;
    signals.iter().for_each(|signal| os::note(*signal, &event));
    Ok(event)
}

/// In a copy of this process that the application forks, none of our descriptors stays open: it must not keep a
/// client's connection, or the group's socket.
pub fn close_in_copies() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    extern "C" fn in_copy() {
        for (index, word) in OPEN.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let fd = index as i32 * 32 + bits.trailing_zeros() as i32;
                // SAFETY: a descriptor of ours, which nobody uses in the copy.
                unsafe { libc::close(fd) };
                bits &= bits - 1;
            }
        }
    }
    // SAFETY: a static function that makes async-signal-safe calls alone.
    ONCE.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(in_copy));
    });
}

/// Bits of our descriptors.
static OPEN: [AtomicU32; 2048] = [const { AtomicU32::new(0) }; 2048];

/// Notes that a descriptor belongs to the worker (`ours`), or no longer.
pub fn watch_descriptor(fd: RawFd, ours: bool) {
    let Ok(fd) = usize::try_from(fd) else { return };
    let Some(word) = OPEN.get(fd / 32) else { return };
    if ours {
        word.fetch_or(1 << (fd % 32), Ordering::Relaxed);
    } else {
        word.fetch_and(!(1 << (fd % 32)), Ordering::Relaxed);
    }
}

/// Shows `title`, if there is one, where `ps` shows the command line, cut to that line's length.
pub fn set_title(title: &[u8]) {
    if title.is_empty() {
        return;
    }
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // Fields behind the name, which may hold anything but ends at the last parenthesis (proc(5): 48 and 49 of all).
    let Some((_, fields)) = stat.rsplit_once(')') else { return };
    let field = |number: usize| fields.split_whitespace().nth(number - 3)?.parse::<usize>().ok();
    let (Some(start), Some(end)) = (field(48), field(49)) else { return };
    if start == 0 || end <= start {
        return;
    }
    let len = title.len().min(end - start - 1);
    // SAFETY: the system says that the arguments of this process stand there, which Python has copied; nobody else reads
    // them.
    unsafe {
        ptr::write_bytes(start as *mut u8, 0, end - start);
        ptr::copy_nonoverlapping(title.as_ptr(), start as *mut u8, len);
    }
}

/// Ends the process.
pub fn end_process(status: i32, in_order: bool) -> ! {
    // SAFETY: ends the process; in order only when no thread of an application is left.
    unsafe {
        if in_order {
            libc::exit(status);
        }
        libc::_exit(status)
    }
}

/// Writes to the error log in the form of httpd's lines, if the supervisor does not accept log lines.
pub fn write_stderr(level: wire::Level, line: &[u8]) {
    let mut date = [0u8; 64];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // SAFETY: live structures and room for the text.
    let len = unsafe {
        let seconds = now.as_secs() as libc::time_t;
        let mut time: libc::tm = mem::zeroed();
        libc::localtime_r(&seconds, &mut time);
        libc::strftime(date.as_mut_ptr().cast(), date.len(), c"%a %b %d %H:%M:%S.@ %Y".as_ptr(), &time)
    };
    let date = wire::shown(&date[..len]).replace('@', &format!("{:06}", now.subsec_micros()));
    let head = format!("[{date}] [wsgi:{}] [pid {}] ", level.name(), std::process::id());
    let text = [head.as_bytes(), line, b"\n"].concat();
    os::write_all(2, &text);
}

/// Sets the locale of the process; what the system does not know leaves it as it is, which the supervisor's check has
/// said.
pub fn set_locale(name: &[u8]) {
    if let Ok(name) = std::ffi::CString::new(name)
        && !name.is_empty()
    {
        os::set_locale(&name);
    }
}
