//! A socket at which others ask, one line for each connection, and how they are heard and answered within bounds: nobody who
//! asks, and nobody who holds the socket too, keeps a thread for long.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long whoever asks may take to say what, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A socket that cannot be used is left alone for so long.
const REST: Duration = Duration::from_secs(1);
/// So many ask at the same time; whoever comes then waits until one of them is answered. It is not accepted, for whoever closes a
/// connection closes what was sent on it, and that may take as long as its sender likes.
const MOST_AT_ONCE: usize = 4;

/// So much of an answer is sent at once, bytes.
const PIECE: usize = 16 << 10;

/// A listening socket.
pub struct Desk {
    listener: OwnedFd,
    /// It could not be used.
    rests: Mutex<Option<Instant>>,
    askers: Arc<AtomicUsize>,
}

impl Desk {
    /// At this listening socket.
    pub fn new(listener: OwnedFd) -> Self {
        let _ = crate::set_nonblocking(listener.as_fd());
        Self { listener, rests: Mutex::new(None), askers: Arc::default() }
    }

    /// What can be read when somebody asks; `None`: it cannot be used now. Whoever polls looks again within a second.
    pub fn waits(&self) -> Option<BorrowedFd<'_>> {
        let mut rests = crate::lock(&self.rests);
        if rests.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        *rests = None;
        let is_full = self.askers.load(Ordering::SeqCst) >= MOST_AT_ONCE;
        (!is_full).then(|| self.listener.as_fd())
    }

    /// Somebody who asks and may; nobody is waited for.
    pub fn next(&self, may_ask: impl FnOnce(u32) -> bool) -> Option<Asker> {
        let place = Place::take(&self.askers)?;
        match crate::accept(self.listener.as_fd()) {
            Ok((connection, uid)) => may_ask(uid).then_some(Asker { connection, _place: place }),
            Err(error) => {
                let is_usual = matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                );
                // Whoever holds the socket too may have shut it down.
                if !is_usual || crate::is_shut(self.listener.as_raw_fd()) {
                    *crate::lock(&self.rests) = Some(Instant::now() + REST);
                }
                None
            }
        }
    }
}

impl AsRawFd for Desk {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.listener.as_raw_fd()
    }
}

/// One of those that ask at the same time.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(askers: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(askers.clone());
        (askers.fetch_add(1, Ordering::SeqCst) < MOST_AT_ONCE).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection on which somebody asks.
pub struct Asker {
    connection: OwnedFd,
    _place: Place,
}

impl Asker {
    /// What is asked: a line of at most so many bytes, without its end.
    pub fn hear(&self, longest: usize) -> io::Result<Vec<u8>> {
        let until = Instant::now() + PATIENCE;
        let (mut line, mut room) = (Vec::new(), vec![0; longest + 1]);
        while line.len() <= longest {
            crate::await_readable(
                self.connection.as_raw_fd(),
                Some(until.saturating_duration_since(Instant::now())),
            )?;
            let count = crate::receive(self.connection.as_raw_fd(), &mut room)?;
            line.extend_from_slice(&room[..count]);
            if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                line.truncate(end);
                return Ok(line);
            }
            if count == 0 {
                break;
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Answers, and closes the connection.
    pub fn answer(self, text: &[u8]) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut rest = text;
        while !rest.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            crate::set_timeouts(self.connection.as_fd(), left);
            // One piece of it: a call that sends all of it would begin its time anew for each that is taken.
            let piece = &rest[..rest.len().min(PIECE)];
            let sent = crate::send(self.connection.as_raw_fd(), &[IoSlice::new(piece)], None, true)?;
            rest = &rest[sent..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixStream;

    #[test]
    fn one_line_is_heard_and_answered() {
        let path = std::env::temp_dir().join(format!("mod_wsgi-desk-{}", std::process::id()));
        let desk = Desk::new(crate::listen(path.as_os_str().as_bytes(), None, 5).expect("listens"));
        let own = crate::unistd::geteuid().as_raw();
        assert!(desk.next(|_| true).is_none(), "nobody is there");
        let mut client = UnixStream::connect(&path).expect("connects");
        client.write_all(b"stacks\nmore").expect("asks");
        let asker = desk.next(|uid| uid == own).expect("somebody asks");
        assert_eq!(asker.hear(10).expect("a line"), b"stacks");
        let mut text = String::new();
        asker.answer(b"{}\n").expect("answers");
        client.read_to_string(&mut text).expect("an answer");
        assert_eq!(text, "{}\n");

        let mut client = UnixStream::connect(&path).expect("connects");
        client.write_all(&[b'x'; 100]).expect("asks");
        let asker = desk.next(|_| true).expect("somebody asks");
        assert!(asker.hear(10).is_err(), "too long");
        drop(asker);
        let _strangers = UnixStream::connect(&path).expect("connects");
        assert!(desk.next(|_| false).is_none());

        assert!(desk.waits().is_some());
        let clients: Vec<_> =
            (0..=MOST_AT_ONCE).map(|_| UnixStream::connect(&path).expect("connects")).collect();
        let mut askers: Vec<_> =
            (0..MOST_AT_ONCE).map(|_| desk.next(|_| true).expect("somebody asks")).collect();
        assert!(desk.waits().is_none() && desk.next(|_| true).is_none(), "all places are taken");
        askers.pop();
        assert!(desk.waits().is_some() && desk.next(|_| true).is_some(), "the last one has waited");
        drop((clients, askers));
        crate::shut_down(desk.as_raw_fd());
        assert!(
            desk.next(|_| true).is_none() && desk.waits().is_none(),
            "whoever has shut it down keeps nobody busy"
        );
        std::fs::remove_file(path).expect("it was there");
    }
}
