//! What processes write to their standard output and standard error: crash reports, messages of C libraries, programs that
//! an application starts. It comes through a pipe, and goes into the error log from here. So no process has the log's
//! own description, which is httpd's too: it could empty the file, or change how httpd writes to it.

use super::events::{Events, Source, Watched};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

/// What is read at a time: nobody else waits for longer than that takes.
const CHUNK: usize = 64 * 1024;
/// What is read of a process that has ended: more than a pipe may hold.
const LAST: usize = 2 << 20;
/// A line is written in one piece, up to this length.
const LONGEST: usize = 8 * 1024;

/// The supervisor's end.
pub struct Output {
    pipe: Watched<OwnedFd>,
    log: RawFd,
    /// The beginning of a line.
    rest: Vec<u8>,
}

impl Output {
    /// Output that goes to this log, and the end for the process. `source`: something has come, or everybody has closed it.
    pub fn new(log: RawFd, events: &Rc<Events>, source: Source) -> io::Result<(Self, OwnedFd)> {
        let (pipe, theirs) = os::pipe()?;
        Ok((Self { pipe: events.watch(pipe, source)?, log, rest: Vec::new() }, theirs))
    }

    /// Writes what has come into the log. False: nothing more will.
    pub fn pass_on(&mut self) -> bool {
        self.take(CHUNK)
    }

    /// The process has ended: what it has left goes into the log. False: nothing more will come, of copies either.
    pub fn pass_on_last(&mut self) -> bool {
        let open = self.take(LAST);
        self.write(self.rest.len());
        open
    }

    fn take(&mut self, most: usize) -> bool {
        let mut buffer = vec![0; CHUNK];
        let mut taken = 0;
        while taken < most {
            match os::read(self.pipe.as_raw_fd(), &mut buffer) {
                Ok(0) => {
                    self.write(self.rest.len());
                    return false;
                }
                Ok(count) => {
                    taken += count;
                    self.rest.extend_from_slice(&buffer[..count]);
                    let lines = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                    self.write(if self.rest.len() - lines > LONGEST { self.rest.len() } else { lines });
                }
                Err(_) => break,
            }
        }
        true
    }

    /// Writes so many bytes of what has come.
    fn write(&mut self, count: usize) {
        os::write_all(self.log, &self.rest[..count]);
        self.rest.drain(..count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn lines_come_whole_and_nothing_is_lost() {
        let (log, log_end) = os::pipe().unwrap();
        let events = Events::new().unwrap();
        let (mut output, theirs) = Output::new(log_end.as_raw_fd(), &events, Source::Channel).unwrap();
        let logged = || {
            let mut buffer = vec![0; 1 << 16];
            let count = os::read(log.as_raw_fd(), &mut buffer).unwrap_or(0);
            String::from_utf8(buffer[..count].to_vec()).unwrap()
        };
        assert!(output.pass_on(), "nothing yet");
        os::write_all(theirs.as_raw_fd(), b"one\ntw");
        assert!(output.pass_on());
        assert_eq!(logged(), "one\n");
        os::write_all(theirs.as_raw_fd(), b"o\nthree");
        assert!(output.pass_on());
        assert_eq!(logged(), "two\n");
        assert!(output.pass_on_last(), "a copy may have it");
        assert_eq!(logged(), "three");
        let long = "x".repeat(LONGEST + 1);
        os::write_all(theirs.as_raw_fd(), long.as_bytes());
        assert!(output.pass_on());
        assert_eq!(logged(), long);
        os::write_all(theirs.as_raw_fd(), b"end");
        drop(theirs);
        // A program that another test starts just now has a copy of it for a moment.
        let until = Instant::now() + Duration::from_secs(20);
        while output.pass_on() {
            assert!(Instant::now() < until, "the end is not seen");
            std::thread::yield_now();
        }
        assert_eq!(logged(), "end");
    }
}
