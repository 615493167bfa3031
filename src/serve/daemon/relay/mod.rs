//! Relays one request on one connection: does what the worker asks for, until END.

mod answer;
mod body;
mod client;
mod head;
mod lost;
mod slow;

pub use client::Client;

use super::asked::Asked;
use super::eager::is_alone;
use super::pool::{Conn, Pool};
use super::stop::Using;
use super::stream::unreadable;
use crate::apache::Status;
use crate::groups::ProcessGroup;
use slow::Debt;
use std::io;
use std::time::{Duration, Instant};
use wire::abi::{End, Outcome};
use wire::frame::{self, Kind};
use wire::{Level, Origin};

/// Bytes of an answer that are passed on at a time.
const BLOCK: usize = 256 << 10;

/// What became of a request.
pub enum Relayed {
    /// The request has been answered with this status.
    Done(Status),
    /// Nothing was done with it: another process may have it.
    Elsewhere,
}

/// A request on its way.
pub struct Relay<'e, C> {
    client: &'e mut C,
    pool: &'e Pool,
    live: &'static ProcessGroup,
    conn: Conn,
    /// The process that the request was sent to.
    pid: u32,
    /// What the end of the answer is to be instead of what comes.
    instead: Option<Instead>,
    /// Bytes of the body that Content-Length still allows.
    left: Option<u64>,
    /// The answer is one with a body.
    has_body: bool,
    /// The client has not taken all that it is to get.
    owes: Option<Debt>,
    /// Since when what came is to go out, and waits for more that follows at once.
    put_off: Option<Instant>,
    /// The process has sent something of an answer, or asked for the body.
    touched: bool,
    /// HEAD and FILE frames that came.
    heads: u32,
    files: u32,
}

enum Instead {
    /// An error page of the server's.
    Page(Status),
    /// The answer of another URL.
    Redirect(Vec<u8>),
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<'e, C: Client> Relay<'e, C> {
    /// Over a connection that a thread waits behind, and which goes back to the pool.
    pub fn new(client: &'e mut C, pool: &'e Pool, live: &'static ProcessGroup, conn: Conn) -> Self {
        Self {
            client,
            pool,
            live,
            pid: conn.pid(),
            conn,
            instead: None,
            left: None,
            has_body: true,
            owes: None,
            put_off: None,
            touched: false,
            heads: 0,
            files: 0,
        }
    }

    /// Sends the request's frames, and does what it is told until the end.
    pub fn run(mut self, request: &mut Asked) -> Relayed {
        let timeout = self.live.group.response_socket_timeout;
        let before =
            (timeout > 0).then(|| self.client.set_timeout(Duration::from_secs(timeout.into()))).flatten();
        let using = Using::begin(self.conn.stream.fd());
        let conversed = self.ask(request, &using).and_then(|()| self.converse(request));
        drop(using);
        let (client, relayed) = match conversed {
            Ok(Some(outcome)) => self.end(outcome),
            // Nobody waits for more: the connection goes, by which the application hears of it.
            Ok(None) => self.abandon(),
            Err(error) => self.lost(error),
        };
        if let Some(before) = before {
            client.set_timeout(before);
        }
        relayed
    }

    /// Sends the request's frames; something has come when this is done.
    fn ask(&mut self, request: &Asked, using: &Using) -> io::Result<()> {
        self.conn.forget_taken();
        self.client.sent_to(self.conn.target.0, self.conn.target.1, self.pid);
        self.conn.stream.send(request.parts())?;
        let is_alone = is_alone(self.live, using, self.conn.claimed());
        self.pool.eager.await_answer(is_alone, &mut self.conn.stream)
    }

    /// Does what the process asks for; the request goes as soon as no other process may get it. `None`: the client has gone, or
    /// gets no body.
    fn converse(&mut self, request: &mut Asked) -> io::Result<Option<Outcome>> {
        loop {
            self.refuse_stray_files()?;
            if !self.flush_in_time() || !self.attend_client()? {
                return Ok(None);
            }
            let header = self.conn.stream.header()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if !self.touched && !matches!(header.kind, Kind::Log | Kind::End) {
                self.touched = true;
                request.forget();
            }
            match header.kind {
                Kind::Head => self.head(header.len)?,
                Kind::Data => {
                    if !self.data(header.len)? {
                        return Ok(None);
                    }
                }
                Kind::File => self.file(header.len)?,
                Kind::Flush => {
                    if !self.flush(header.flag == 1)? {
                        return Ok(None);
                    }
                }
                Kind::Read => {
                    if !self.read(header.len)? {
                        return Ok(None);
                    }
                }
                Kind::Log => {
                    let payload = self.conn.stream.payload(header.len)?;
                    let (text, origin) = Origin::parse(&payload).map_err(unreadable)?;
                    self.client.log_line(Level::of(header.flag), text, origin);
                }
                Kind::End => {
                    let payload = self.conn.stream.payload(header.len)?;
                    self.refuse_stray_files()?;
                    let outcome = frame::parse_end(&payload).map_err(unreadable)?;
                    if self.touched && outcome.end == End::Elsewhere {
                        return Err(malformed("a request that it has begun with, for another process"));
                    }
                    return Ok(Some(outcome));
                }
                Kind::Hello | Kind::Request | Kind::Body | Kind::Ack => {
                    return Err(malformed("a frame that does not belong in an answer"));
                }
            }
        }
    }

    fn refuse_stray_files(&self) -> io::Result<()> {
        if self.conn.stream.has_stray_file() {
            return Err(malformed("a descriptor without a frame"));
        }
        Ok(())
    }

    /// The process is done with the request, and its thread free for another one, before the client has the answer.
    fn end(self, outcome: Outcome) -> (&'e mut C, Relayed) {
        let short = self.is_short();
        let Self { client, pool, conn, instead, .. } = self;
        if outcome.end != End::Elsewhere {
            client.forget_body();
            client.served(conn.taken());
        }
        if conn.stream.is_at_rest() {
            pool.give_back(conn);
        }
        let status = match (outcome.end, instead) {
            (End::Elsewhere, _) => return (client, Relayed::Elsewhere),
            (End::Error, _) => client.refuse(outcome),
            (_, Some(Instead::Page(status))) => status,
            (_, Some(Instead::Redirect(url))) => client.redirect(&url),
            (End::Short, None) => client.end_short(),
            (End::Complete, None) if short => client.end_short(),
            (End::Complete, None) => client.finish(),
            (End::Truncated | End::Exit, None) => client.fail(),
        };
        (client, Relayed::Done(status))
    }

    /// The client has gone, or gets no body.
    fn abandon(self) -> (&'e mut C, Relayed) {
        self.client.served(self.conn.taken());
        let status = self.client.abandon();
        (self.client, Relayed::Done(status))
    }
}
