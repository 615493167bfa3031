//! Something that a thread sleeps on and that others wake: eventfd(2).

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// An event that stays until it is silenced.
pub struct Event(EventFd);

impl Event {
    /// An event that has not happened.
    pub fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(EventFd::from_value_and_flags(0, flags)?))
    }

    /// Wakes who sleeps, or keeps the next one from sleeping. Async-signal-safe.
    pub fn wake(&self) {
        wake(self.0.as_raw_fd());
    }

    /// Forgets that it has happened.
    pub fn silence(&self) {
        let _ = self.0.read();
    }

    /// As [`Event::silence`], where others hold the event too and could have taken any flag off it: this call never waits.
    pub fn silence_at_once(&self) {
        let mut count = [0u8; 8];
        let into = libc::iovec { iov_base: count.as_mut_ptr().cast(), iov_len: count.len() };
        // SAFETY: eight live bytes.
        unsafe { libc::preadv2(self.0.as_raw_fd(), &into, 1, -1, libc::RWF_NOWAIT) };
    }

    /// In a copy of the process: it is the copy's own from now on, under the same number, and has not happened.
    pub fn renew(&self) -> io::Result<()> {
        // SAFETY: whoever uses the number means this event.
        unsafe { crate::put_in_place(Self::new()?.into(), self.0.as_raw_fd()) }
    }

    /// Sleeps until it happens, or for that long, and silences it.
    pub fn sleep(&self, most: Duration) {
        let wait = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
        let _ = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], wait);
        self.silence();
    }

    /// The event's descriptor, which becomes readable when the event has happened.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Event {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl From<Event> for OwnedFd {
    fn from(event: Event) -> Self {
        event.0.into()
    }
}

/// Makes the event of a descriptor happen. Async-signal-safe; a descriptor that is none is an error that means nothing.
pub fn wake(event: RawFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: eight live bytes.
    unsafe { libc::write(event, one.as_ptr().cast(), one.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_woken_first_does_not_sleep() {
        let event = Event::new().unwrap();
        event.wake();
        let begun = crate::monotonic();
        event.sleep(Duration::from_secs(20));
        assert!(crate::monotonic() - begun < 10_000_000);
    }
}
