//! Descriptors that a process has sent and nobody asked for are closed where nobody waits.
//!
//! The last close of a socket may take as long as its sender likes (SO_LINGER). The system does not wait in a thread that
//! ends, so the last one is left to such a thread: it has a table of descriptors of its own, in which they are still open
//! when they are closed here.

use std::os::fd::{OwnedFd, RawFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread::Builder;

/// Closes them, some time.
pub fn discard(files: Vec<OwnedFd>) {
    static CLOSER: OnceLock<Option<Mutex<Sender<Vec<OwnedFd>>>>> = OnceLock::new();
    if files.is_empty() {
        return;
    }
    let closer = CLOSER.get_or_init(|| {
        let (sender, receiver) = channel();
        let closer = Builder::new().name("wsgi-close".into()).spawn(move || close_all(&receiver));
        closer.ok().map(|_| Mutex::new(sender))
    });
    if let Some(closer) = closer {
        // Where nobody receives they are closed here after all.
        let _ = os::lock(closer).send(files);
    }
}

fn close_all(receiver: &Receiver<Vec<OwnedFd>>) {
    while let Ok(mut files) = receiver.recv() {
        files.extend(receiver.try_iter().flatten());
        let (ready, is_ready) = channel();
        let (done, is_done) = channel::<()>();
        let last = Builder::new().name("wsgi-close-last".into()).spawn(move || {
            let _ = ready.send(os::keep_descriptors_apart());
            // Until the other side is dropped.
            let _ = is_done.recv();
        });
        if last.is_ok() {
            let _ = is_ready.recv();
        }
        drop(files);
        drop(done);
    }
}

/// Nothing that is left in a connection may be closed with it: its other end may have put descriptors there.
pub fn empty(fd: RawFd, mut files: Vec<OwnedFd>) {
    /// No socket's buffer holds so many pieces of what is read at a time.
    const MOST: usize = 10_000;
    // From now on nothing more can be put there.
    os::shut_down(fd);
    let mut bytes = [0; 4096];
    for _ in 0..MOST {
        match os::receive_files(fd, &mut bytes, &mut files, false) {
            Ok(1..) => {}
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => discard(std::mem::take(&mut files)),
            _ => break,
        }
    }
    discard(files);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    /// A connection whose last close lasts: its other end reads nothing of what is left in it.
    fn lingering() -> (OwnedFd, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let theirs = listener.accept().unwrap().0;
        let linger = libc::linger { l_onoff: 1, l_linger: 3 };
        let size = size_of::<libc::linger>() as _;
        let pointer = (&raw const linger).cast();
        // SAFETY: a live structure.
        #[allow(unsafe_code)]
        let set =
            unsafe { libc::setsockopt(ours.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, pointer, size) };
        assert_eq!(set, 0);
        ours.set_nonblocking(true).unwrap();
        while ours.write(&[0; 65536]).is_ok() {}
        (ours.into(), theirs)
    }

    #[test]
    fn a_close_that_lasts_keeps_nobody_waiting() {
        let (file, _theirs) = lingering();
        let begun = Instant::now();
        drop(file);
        assert!(begun.elapsed() > Duration::from_secs(2), "this test has no teeth");
        let (mut all, mut others) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (file, other) = lingering();
            all.push(file);
            others.push(other);
        }
        let numbers: Vec<_> = all.iter().map(AsRawFd::as_raw_fd).collect();
        let begun = Instant::now();
        discard(all);
        let is_open = |fd: &RawFd| std::fs::read_link(format!("/proc/self/fd/{fd}")).is_ok();
        while numbers.iter().any(is_open) && begun.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_connection_is_emptied() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&[0; 100_000]).unwrap();
        empty(ours.as_raw_fd(), Vec::new());
        assert!(theirs.write_all(b"x").is_err());
        let mut none = Vec::new();
        assert_eq!(os::receive_files(ours.as_raw_fd(), &mut [0; 10], &mut none, false).unwrap(), 0);
    }
}
