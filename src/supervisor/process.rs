//! A process of a group, as its supervisor knows it.

use super::output::Output;
use super::voice::Voice;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};
use wire::control::{Message, Reason};

/// A worker, as its supervisor sees it.
pub struct Process {
    /// The worker's pid.
    pub pid: u32,
    /// Can be read when it has ended.
    pub ended: OwnedFd,
    /// What is said to it goes there.
    control: OwnedFd,
    /// Messages of the worker.
    voice: Voice,
    /// Whether messages of the worker are still unread.
    unheard: bool,
    /// What it writes to its standard error; none: that was closed.
    pub output: Option<Output>,
    /// When it was forked.
    pub begun: Instant,
    /// Applications that failed to start in it, once it has said so.
    pub failed: Option<u32>,
    /// Why the worker is to be replaced.
    pub replace: Option<Reason>,
    /// When the worker is killed.
    pub kill_at: Option<Instant>,
    /// Whether the supervisor has killed the worker.
    pub killed: bool,
    /// Whether the worker has reported that it cannot serve.
    pub gave_up: bool,
    /// What an application has ended it by, in the process's own words.
    pub last_words: Option<String>,
    /// The script of the application that it starts just now, in the process's own words.
    pub starts: Option<String>,
    /// Whether the worker was told to finish.
    drains: bool,
}

impl Process {
    /// Makes the state of a worker that has just been forked.
    pub fn new(pid: u32, ended: OwnedFd, control: OwnedFd, voice: Voice, output: Option<Output>) -> Self {
        let begun = Instant::now();
        Self {
            pid,
            ended,
            control,
            voice,
            unheard: false,
            output,
            begun,
            failed: None,
            replace: None,
            kill_at: None,
            killed: false,
            gave_up: false,
            last_words: None,
            starts: None,
            drains: false,
        }
    }

    /// Says something to it.
    pub fn tell(&self, message: &Message) {
        let _ = os::send_datagram(self.control.as_raw_fd(), &message.bytes());
    }

    /// What it has said.
    pub fn on_message(&mut self) -> Vec<Message> {
        /// Others are heard in between.
        const MOST: usize = 1000;
        let (mut bytes, mut messages) = (Vec::new(), Vec::new());
        self.voice.silence();
        for _ in 0..MOST {
            self.unheard = self.voice.take(&mut bytes);
            if !self.unheard {
                break;
            }
            // What is no message is no message: the process runs user code.
            messages.extend(Message::parse(&bytes).ok());
        }
        messages
    }

    /// Whether the worker may have sent messages: its bell has rung, or messages were left unread.
    pub fn speaks(&self, is_ready: impl Fn(RawFd) -> bool) -> bool {
        self.unheard || is_ready(self.voice.bell())
    }

    /// Whether messages were left unread.
    pub fn has_more(&self) -> bool {
        self.unheard
    }

    /// Notes what the worker says about itself: the call that will end it, or the application that it starts (empty:
    /// none). True: the message was of this kind.
    pub fn note(&mut self, message: &Message) -> bool {
        match message {
            Message::Ends(text) => self.last_words = one_line(text),
            Message::Starts(script) => self.starts = one_line(script),
            _ => return false,
        }
        true
    }

    /// Has it finish what it has and end; it is killed if that takes too long. `None` is no bound.
    pub fn drain(&mut self, reason: Reason, grace: Option<Duration>, shutdown: Option<Duration>) {
        let ms = |time: Option<Duration>| {
            time.map_or(u32::MAX, |time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX - 1))
        };
        self.tell(&Message::Drain { reason, grace: ms(grace), shutdown: ms(shutdown) });
        let at = grace.zip(shutdown).and_then(|(grace, shutdown)| {
            Instant::now().checked_add(grace + shutdown + Duration::from_millis(500))
        });
        // One that ends already has no more time than it had.
        let drained = std::mem::replace(&mut self.drains, true);
        let before = self.kill_at.filter(|_| drained);
        self.kill_at = before.into_iter().chain(at).min();
    }

    /// Kills the worker.
    pub fn kill(&mut self) {
        self.killed = true;
        self.kill_at = None;
        os::kill(self.pid);
    }

    /// What can be read when something happens.
    pub fn descriptors(&self, into: &mut Vec<RawFd>) {
        into.extend([self.ended.as_raw_fd(), self.voice.bell()]);
        into.extend(self.output.as_ref().map(Output::fd));
    }

    /// Writes what it has written into the log, if something has come.
    pub fn pass_on_output(&mut self, is_ready: impl Fn(RawFd) -> bool) {
        self.output.take_if(|output| is_ready(output.fd()) && !output.pass_on());
    }
}

/// Any code of the process may have said it: the log gets one line of it, and not a long one.
fn one_line(text: &[u8]) -> Option<String> {
    const LONGEST: usize = 400;
    let text = String::from_utf8_lossy(text);
    let line: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(line).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_limit_holds() {
        let (ended, _) = os::pair().unwrap();
        let (control, _theirs) = os::one_way().unwrap();
        let (voice, _file) = Voice::new().unwrap();
        let mut process = Process::new(1, ended, control, voice, None);
        let seconds = |number| Some(Duration::from_secs(number));
        // Until it served it would have been killed then.
        process.kill_at = Some(Instant::now());
        process.drain(Reason::Script, seconds(100), seconds(100));
        let first = process.kill_at.expect("a limit");
        assert!(first > Instant::now() + Duration::from_secs(150));
        process.drain(Reason::Deadlock, seconds(0), seconds(1));
        let second = process.kill_at.expect("a limit");
        assert!(second < first);
        process.drain(Reason::Generation, seconds(100), None);
        assert_eq!(process.kill_at, Some(second));
        process.kill_at = None;
        process.drain(Reason::Generation, seconds(1), seconds(1));
        assert!(process.kill_at.is_some());
    }
}
