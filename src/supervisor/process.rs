//! A process of a group, as its supervisor is connected to it.

use super::events::Watched;
use super::output::Output;
use super::voice::Voice;
use crate::questions::Name;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use wire::control::Message;

/// A worker's descriptors.
pub struct Process {
    /// The worker's pid.
    pub pid: u32,
    /// Tells that it has ended.
    _ended: Watched<OwnedFd>,
    /// What is said to it goes there.
    control: OwnedFd,
    /// Messages of the worker.
    voice: Voice,
    /// What it writes to its standard output and error; none: that was closed.
    pub output: Option<Output>,
    /// Where it is asked.
    _desk: Option<Name>,
}

impl Process {
    /// Makes the state of a worker that has just been forked.
    pub fn new(
        pid: u32,
        ended: Watched<OwnedFd>,
        control: OwnedFd,
        voice: Voice,
        (output, desk): (Option<Output>, Option<Name>),
    ) -> Self {
        Self { pid, _ended: ended, control, voice, output, _desk: desk }
    }

    /// Says something to it.
    pub fn tell(&self, message: &Message) {
        let _ = os::send_datagram(self.control.as_raw_fd(), &message.bytes());
    }

    /// Says something to it that descriptors belong to.
    pub fn tell_with(&self, message: &Message, files: &[BorrowedFd<'_>]) -> io::Result<()> {
        os::send_files(self.control.as_raw_fd(), &message.bytes(), files)
    }

    /// What it has said, and whether more of it may be unread.
    pub fn on_message(&mut self) -> (Vec<Message>, bool) {
        /// Others are heard in between.
        const MOST: usize = 1000;
        let (mut bytes, mut messages) = (Vec::new(), Vec::new());
        self.voice.silence();
        for _ in 0..MOST {
            if !self.voice.take(&mut bytes) {
                return (messages, false);
            }
            // What is no message is no message: the process runs user code.
            messages.extend(Message::parse(&bytes).ok());
        }
        (messages, true)
    }

    /// Writes what it has written into the log.
    pub fn pass_on_output(&mut self) {
        self.output.take_if(|output| !output.pass_on());
    }
}
