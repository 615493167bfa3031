//! A client that takes its answer slowly: what it has not taken is held, up to response-buffer-size, and the process goes on.

use super::{Client, Relay};
use crate::apache::client::Taken;
use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};
use wire::message as msg;

/// The client is to take something.
#[derive(Clone, Copy)]
pub(super) struct Debt {
    /// It has taken nothing since then.
    since: Instant,
    /// How much it had taken by then.
    taken: u64,
}

impl<C: Client> Relay<'_, C> {
    /// Sends what is there as far as the client takes it at once. False: it has gone, or gets no body.
    pub(super) fn flush_now(&mut self) -> bool {
        self.put_off = None;
        // A filter may wait for the client.
        self.client.awaited(true);
        let taken = self.client.offer();
        self.client.awaited(false);
        self.owes = (taken == Taken::Part).then(|| self.debt());
        taken != Taken::Gone
    }

    /// What was put off goes out when nothing more comes in time. False: the client has gone, or gets no body.
    pub(super) fn flush_in_time(&mut self) -> bool {
        /// How long blocks that follow each other are collected, in delays: each piece costs the child a write.
        const MOST: u32 = 10;
        let Some(since) = self.put_off else { return true };
        let left = (self.delay() * MOST).saturating_sub(since.elapsed());
        if !left.is_zero() && self.conn.stream.is_ready(left.min(self.delay())) {
            return true;
        }
        self.flush_now()
    }

    /// How long more of an answer is waited for.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.live.group.response_flush_delay.into())
    }

    /// The debt that there is, or a new one if the client has taken something meanwhile.
    fn debt(&self) -> Debt {
        let new = self.new_debt();
        self.owes.filter(|debt| debt.taken == new.taken).unwrap_or(new)
    }

    /// One that begins now.
    pub(super) fn new_debt(&self) -> Debt {
        Debt { since: Instant::now(), taken: self.client.acknowledged() }
    }

    /// Sends what the client takes until the process has something to say. False: the client has gone.
    pub(super) fn attend_client(&mut self) -> io::Result<bool> {
        if self.owes.is_none() {
            return Ok(true);
        }
        let silent = Instant::now();
        while self.owes.is_some() && !self.conn.stream.is_ready(Duration::ZERO) {
            let patience = self.conn.stream.patience().saturating_sub(silent.elapsed());
            if patience.is_zero() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if !self.await_client(Some(self.conn.stream.fd()), patience)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until less than so many bytes are held, or, if that is 0, until the client has taken all. False: it has gone.
    pub(super) fn drain(&mut self, below: u64) -> io::Result<bool> {
        while self.owes.is_some() && self.client.held() >= below {
            if !self.await_client(None, Duration::MAX)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until the client takes more, or something can be read there, or for that long. False: the client has gone, or has
    /// taken nothing for too long.
    pub(super) fn await_client(&mut self, other: Option<RawFd>, most: Duration) -> io::Result<bool> {
        let (Some((client, patience)), Some(debt)) = (self.client.socket(), self.owes) else {
            return Ok(true);
        };
        let left = patience.map(|patience| patience.saturating_sub(debt.since.elapsed()));
        let most = left.unwrap_or(Duration::MAX).min(most);
        self.client.awaited(other.is_none());
        let awaited = os::await_either(other, client, most);
        self.client.awaited(false);
        let (_, takes) = awaited?;
        if takes {
            self.owes = None;
            return Ok(self.flush_now());
        }
        if left.is_some_and(|left| left.is_zero()) {
            let now = self.debt();
            self.owes = Some(now);
            if now.since == debt.since {
                self.give_up(patience.unwrap_or_default());
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The client has taken nothing for that long.
    fn give_up(&mut self, patience: Duration) {
        let text = format!(
            "the client has taken nothing of the answer for {} s (response-socket-timeout); the connection to it is cut",
            patience.as_secs()
        );
        self.client.log(msg::CLIENT_STUCK, &text);
        self.client.give_up();
    }
}
