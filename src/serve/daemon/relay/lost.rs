//! A process that has gone in the middle of a request, or does not answer.

use super::{Client, Relay, Relayed};
use crate::apache::Status;
use crate::serve::daemon::pool::{self, Progress};
use std::io;
use wire::message as msg;

impl<'e, C: Client> Relay<'e, C> {
    /// The process has gone, or does not answer.
    pub(super) fn lost(self, error: io::Error) -> (&'e mut C, Relayed) {
        // The line about the death of the process has its pid.
        let process = format!("a process of group '{}' (pid {})", self.live.name(), self.pid);
        let late = error.kind() == io::ErrorKind::WouldBlock;
        let progress = self.conn.progress();
        if !late && error.kind() != io::ErrorKind::InvalidData && progress == Progress::None && !self.touched
        {
            return (self.client, Relayed::Elsewhere);
        }
        let sent = self.client.is_passed();
        let then = if sent { "the connection to the client is cut" } else { "the client gets an error page" };
        let (message, status, text) = if late {
            let seconds = pool::patience(self.live, self.client.timeout()).as_secs();
            let text = format!("{process} has sent nothing for {seconds} s (socket-timeout); {then}");
            (msg::ANSWER_TIMEOUT, 504, text)
        } else if error.kind() == io::ErrorKind::InvalidData {
            (msg::LINK_BROKEN, 500, format!("invalid data on the connection to {process}: {error}; {then}"))
        } else if error.raw_os_error() == Some(libc::EMFILE) {
            let text = format!(
                "Apache cannot receive a file that the application sends: {error} (see 'ulimit -n' of Apache's user); {then}"
            );
            (msg::LINK_BROKEN, 500, text)
        } else if progress == Progress::Late {
            let seconds = self.live.group.request_timeout;
            let text =
                format!("a request has lasted longer than request-timeout ({seconds} s) allows; {then}");
            (msg::REQUEST_INTERRUPTED, 504, text)
        } else {
            let text = format!("{process} ended in the middle of the request; {then}");
            (msg::ANSWER_LOST, 502, text)
        };
        let client = self.client;
        client.served(self.conn.taken());
        client.log(message, &text);
        if sent {
            let status = client.fail();
            return (client, Relayed::Done(status));
        }
        client.clear();
        if status == 504 {
            client.retry_after(10);
        }
        (client, Relayed::Done(Status(status)))
    }
}
