//! A client that takes its answer slowly: what it has not taken is held, up to response-buffer-size, and the process goes on.

use super::Relay;
use crate::apache::client::Taken;
use std::io;
use std::time::{Duration, Instant};

impl Relay<'_, '_> {
    /// Sends what is there as far as the client takes it at once. False: it has gone, or gets no body.
    pub(super) fn flush_now(&mut self) -> bool {
        self.wants_flush = false;
        let taken = self.context.offer();
        self.owes = (taken == Taken::Part).then(|| self.owes.unwrap_or_else(Instant::now));
        taken != Taken::Gone
    }

    /// Sends what the client takes until the process has something to say. False: the client has gone.
    pub(super) fn attend_client(&mut self) -> io::Result<bool> {
        let silent = Instant::now();
        while self.owes.is_some() && !self.conn.stream.is_ready(Duration::ZERO) {
            let patience = self.conn.stream.patience().saturating_sub(silent.elapsed());
            if patience.is_zero() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if !self.await_client(Some(patience))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until less than so many bytes are held, or, if that is 0, until the client has taken all. False: it has gone.
    pub(super) fn drain(&mut self, below: u64) -> io::Result<bool> {
        while self.owes.is_some() && self.context.answer.held() >= below {
            if !self.await_client(None)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until the client takes more, or the process says something within that time. False: the client has gone, or has
    /// taken nothing for too long.
    fn await_client(&mut self, process: Option<Duration>) -> io::Result<bool> {
        let (Some((client, patience)), Some(since)) = (self.context.answer.client(), self.owes) else {
            return Ok(true);
        };
        let left = patience.map(|patience| patience.saturating_sub(since.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            self.context.answer.give_up();
            return Ok(false);
        }
        let most = left.unwrap_or(Duration::MAX).min(process.unwrap_or(Duration::MAX));
        let fd = process.map(|_| self.conn.stream.fd());
        let (_, takes) = os::await_either(fd, client, most)?;
        if takes {
            self.owes = None;
            return Ok(self.flush_now());
        }
        Ok(true)
    }
}
