//! One request on one connection: what the process asks for is done, until it says that this is the end.

use super::eager::is_alone;
use super::pool::{Conn, Progress};
use super::stop::Using;
use crate::apache::brigade::Owner;
use crate::apache::{Request, Status, log};
use crate::daemon::groups::Live;
use crate::exchange::{Exchange, Head};
use std::ffi::c_void;
use std::fs::Metadata;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use wire::door::{COPY_LIMIT, End, Outcome};
use wire::frame::{self, Answer, Body, Header, Kind};
use wire::{Level, Slice, message as msg};

/// Bytes of an answer that are passed on at a time.
const BLOCK: usize = 256 << 10;
/// Longest header of an answer, if nothing else is said.
const HEADER_LIMIT: usize = 32 << 10;
/// Bytes after which an answer is sent on, if nothing else is said.
const BUFFER_LIMIT: u64 = 8 << 20;

/// Files that may be in one answer: an application returns one.
const MOST_FILES: u32 = 8;

/// The user cannot make the file shorter while a child has it in memory, which would be the end of that child.
fn stays_as_it_is(data: &Metadata, user: u32) -> bool {
    data.uid() != user && data.mode() & 0o022 == 0
}

/// What became of a request, and the connection, if it can be used again.
pub enum Relayed {
    /// It has been answered.
    Done(Status, Option<Conn>),
    /// Nothing was done with it: another process may have it.
    Elsewhere(Option<Conn>),
}

/// A request on its way.
pub struct Relay<'e, 'r> {
    exchange: &'e mut Exchange<'r>,
    live: &'static Live,
    conn: Conn,
    /// What the end of the answer is to be instead of what comes.
    instead: Option<Instead>,
    /// Bytes since the client's side was flushed.
    held: u64,
    /// What came so far is to go out, unless more follows at once.
    wants_flush: bool,
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

/// A block of the answer that httpd sends.
struct Heap;

impl Owner for Heap {
    #[allow(unsafe_code)]
    fn release(owner: *mut c_void) {
        // SAFETY: the box that `data` made a pointer of, given back once.
        drop(unsafe { Box::from_raw(owner.cast::<Vec<u8>>()) });
    }
}

/// The beginning of the body, if it goes with the request: all of a small one, unless the application is to decide whether
/// it comes at all (`Expect: 100-continue`).
pub fn beginning(exchange: &mut Exchange<'_>, most: i64) -> Option<(Vec<u8>, Body)> {
    let r = exchange.request;
    let headers = r.headers_in();
    let has = |name| headers.get(name).is_some();
    if has(c"Expect") || has(c"Transfer-Encoding") {
        return None;
    }
    let Some(length) = headers.get(c"Content-Length") else {
        let bodiless = matches!(r.method(), b"GET" | b"HEAD") && r.protocol().starts_with(b"HTTP/1");
        return bodiless.then(|| (Vec::new(), Body::End));
    };
    let length = std::str::from_utf8(length).ok()?.parse::<i64>().ok().filter(|length| *length <= most)?;
    let mut bytes = vec![0; length as usize + 1];
    let mut count = 0;
    // A filter may make it longer than it was declared: then there is more.
    let state = loop {
        if count == bytes.len() {
            break Body::More;
        }
        match exchange.body.read(&mut bytes[count..]) {
            Ok(0) => break Body::End,
            Ok(more) => count += more,
            Err(error) => break Body::Failed(error),
        }
    };
    bytes.truncate(count);
    Some((bytes, state))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<'e, 'r> Relay<'e, 'r> {
    /// Over a connection that a thread waits behind.
    pub fn new(exchange: &'e mut Exchange<'r>, live: &'static Live, conn: Conn) -> Self {
        Self {
            exchange,
            live,
            conn,
            instead: None,
            held: 0,
            wants_flush: false,
            touched: false,
            heads: 0,
            files: 0,
        }
    }

    fn request(&self) -> Request<'r> {
        self.exchange.request
    }

    /// Sends the request's frames, and does what it is told until the end.
    pub fn run(mut self, request: &[u8]) -> Relayed {
        let timeout = self.live.group.response_socket_timeout;
        let before = (timeout > 0)
            .then(|| self.request().set_client_timeout(Duration::from_secs(timeout.into())))
            .flatten();
        let r = self.request();
        let using = Using::begin(self.conn.stream.fd());
        let conversed = self.ask(request, &using).and_then(|()| self.converse());
        drop(using);
        let relayed = match conversed {
            Ok(Some(outcome)) => self.end(outcome),
            // The client has gone: so has the connection, by which the application hears of it.
            Ok(None) => Relayed::Done(Status::OK, None),
            Err(error) => self.lost(error),
        };
        if let Some(before) = before {
            r.set_client_timeout(before);
        }
        relayed
    }

    /// Sends the request's frames; something has come when this is done.
    fn ask(&mut self, request: &[u8], using: &Using) -> io::Result<()> {
        self.conn.stream.send(request)?;
        let is_alone = is_alone(self.live, using, self.conn.claimed());
        self.live.pool.eager.await_answer(is_alone, &mut self.conn.stream)
    }

    /// `None`: the client has gone.
    fn converse(&mut self) -> io::Result<Option<Outcome>> {
        loop {
            let header = self.conn.stream.header()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.touched |= !matches!(header.kind, Kind::Log | Kind::End);
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
                Kind::Read => self.read(header.len)?,
                Kind::Log => {
                    let line = self.conn.stream.payload(header.len)?;
                    log::request(self.request(), Level::of(header.flag), &line);
                }
                Kind::End => {
                    let payload = self.conn.stream.payload(header.len)?;
                    return frame::parse_end(&payload).map(Some).map_err(super::stream::malformed);
                }
                Kind::Hello | Kind::Request | Kind::Body | Kind::Ack => {
                    return Err(malformed("a frame that has no place in an answer"));
                }
            }
        }
    }

    fn head(&mut self, len: usize) -> io::Result<()> {
        /// The one that is sent, and the error page's instead.
        const MOST_HEADS: u32 = 2;
        self.heads += 1;
        if self.heads > MOST_HEADS {
            return Err(malformed("one HEAD after another"));
        }
        let payload = self.conn.stream.payload(len)?;
        let answer = Answer::parse(&payload).map_err(super::stream::malformed)?;
        let r = self.request();
        let limit = match self.live.group.header_buffer_size {
            0 => HEADER_LIMIT,
            size => size as usize,
        };
        if let Some((name, value)) =
            answer.headers().find(|(name, value)| name.len() + value.len() + 2 > limit)
        {
            let text = format!(
                "the header '{}' of the answer has {} bytes; header-buffer-size allows {limit}",
                String::from_utf8_lossy(name),
                name.len() + value.len() + 2
            );
            r.log(msg::HEADER_TOO_LONG, text);
            self.instead = Some(Instead::Page(Status(500)));
            return Ok(());
        }
        let status = i32::from(answer.status);
        let is = |wanted: &'static [u8]| move |header: &(&[u8], &[u8])| header.0.eq_ignore_ascii_case(wanted);
        if status >= 400 && r.dir_config().error_override == Some(true) {
            for (_, value) in answer.headers().filter(is(b"WWW-Authenticate")) {
                let pool = r.pool();
                r.err_headers_out().add(c"WWW-Authenticate", pool.c_string(value));
            }
            self.instead = Some(Instead::Page(Status(status)));
        } else if let Some((_, location)) = answer.headers().find(is(b"Location"))
            && status == 200
            && location.starts_with(b"/")
        {
            self.instead = Some(Instead::Redirect(location.to_vec()));
        } else {
            self.exchange.head = Some(Head::new(r, status, answer.line, answer.headers()));
        }
        Ok(())
    }

    /// False: the client has gone.
    fn data(&mut self, len: usize) -> io::Result<bool> {
        let wanted = self.instead.is_none() && !self.exchange.unchanged;
        let mut left = len;
        while left > 0 {
            if !wanted {
                left -= self.conn.stream.some(left)?.len();
                continue;
            }
            if len <= COPY_LIMIT {
                let part = self.conn.stream.some(left)?;
                self.exchange.answer.copy(part);
                left -= part.len();
                self.held += part.len() as u64;
            } else {
                let mut block = vec![0; left.min(BLOCK)];
                self.conn.stream.block(&mut block)?;
                left -= block.len();
                self.held += block.len() as u64;
                let block = Box::new(block);
                let bytes = Slice::of(&block);
                self.exchange.answer.refer::<Heap>(bytes, Box::into_raw(block).cast());
            }
            if self.held >= self.limit() && !self.flush_now() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn limit(&self) -> u64 {
        match self.live.group.response_buffer_size {
            0 => BUFFER_LIMIT,
            size => size.into(),
        }
    }

    fn file(&mut self, len: usize) -> io::Result<()> {
        let payload = self.conn.stream.payload(len)?;
        let (offset, len) = frame::parse_file(&payload).map_err(super::stream::malformed)?;
        let file = std::fs::File::from(self.conn.stream.file()?);
        let data = file.metadata()?;
        if !data.is_file() || (offset + len) as u64 > data.len() {
            return Err(malformed("a file that is none, or shorter than was said"));
        }
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(malformed("more files than an application can answer with"));
        }
        if self.instead.is_none() && !self.exchange.unchanged {
            let stays = self.live.is_apaches || stays_as_it_is(&data, self.live.identity.uid);
            self.exchange.append_file(file.as_raw_fd(), offset, len, stays)?;
        }
        Ok(())
    }

    /// The process has handed over what it had; if no more follows at once the client gets it. False: it has gone.
    fn flush(&mut self, acknowledge: bool) -> io::Result<bool> {
        if self.instead.is_some() {
            if acknowledge {
                self.acknowledge(true)?;
            }
            return Ok(true);
        }
        let delay = Duration::from_millis(self.live.group.response_flush_delay.into());
        if !acknowledge && self.conn.stream.is_ready(delay) {
            self.wants_flush = true;
            // The head goes with the first block all the same: it must not look as if this were the whole answer.
            return Ok(self.exchange.answer.is_passed() || self.exchange.pass_on());
        }
        let there = self.flush_now();
        if acknowledge {
            self.acknowledge(there)?;
        }
        Ok(there)
    }

    fn flush_now(&mut self) -> bool {
        (self.held, self.wants_flush) = (0, false);
        self.exchange.flush()
    }

    fn acknowledge(&mut self, there: bool) -> io::Result<()> {
        self.conn.stream.send_frame(Header { kind: Kind::Ack, flag: there.into(), len: 0 }, b"")
    }

    /// The application reads the body: this is what has the client send it. What it answered before must be with the
    /// client by then: it may wait for that.
    fn read(&mut self, len: usize) -> io::Result<()> {
        let payload = self.conn.stream.payload(len)?;
        if self.wants_flush {
            self.flush_now();
        }
        let want = frame::parse_read(&payload).map_err(super::stream::malformed)?;
        let mut bytes = vec![0; want.clamp(1, BLOCK)];
        let (count, state) = match self.exchange.body.read(&mut bytes) {
            Ok(0) => (0, Body::End),
            Ok(count) => (count, Body::More),
            Err(error) => (0, Body::Failed(error)),
        };
        let header = Header { kind: Kind::Body, flag: state.flag(), len: count };
        self.conn.stream.send_frame(header, &bytes[..count])
    }

    fn end(mut self, outcome: Outcome) -> Relayed {
        let r = self.request();
        let status = match (outcome.end, self.instead.take()) {
            (End::Elsewhere, _) => return Relayed::Elsewhere(self.reusable()),
            (End::Error, _) => self.exchange.refuse(outcome),
            (_, Some(Instead::Page(status))) => status,
            (_, Some(Instead::Redirect(url))) => r.redirect_internally(&url),
            (End::Complete, None) => self.exchange.finish(),
            (End::Short, None) if self.exchange.unchanged => self.exchange.finish(),
            (End::Short, None) => {
                r.log(
                    msg::SHORT_RESPONSE,
                    "the application sent fewer bytes than its Content-Length; the connection is closed",
                );
                self.exchange.end_short()
            }
            (End::Truncated | End::Exit, None) => self.exchange.fail(),
        };
        Relayed::Done(status, self.reusable())
    }

    /// The connection, if nothing more is on it.
    fn reusable(self) -> Option<Conn> {
        self.conn.stream.is_at_rest().then_some(self.conn)
    }

    /// The process has gone, or does not answer.
    fn lost(self, error: io::Error) -> Relayed {
        let r = self.request();
        let name = self.live.name();
        let late = error.kind() == io::ErrorKind::WouldBlock;
        let progress = self.conn.progress();
        if !late && error.kind() != io::ErrorKind::InvalidData && progress == Progress::None && !self.touched
        {
            return Relayed::Elsewhere(None);
        }
        let sent = self.exchange.answer.is_passed();
        let then = if sent { "the connection to the client is cut" } else { "the client gets an error page" };
        let (message, status, text) = if late {
            let seconds = super::pool::patience(self.live, r).as_secs();
            let text = format!(
                "a process of group '{name}' has sent nothing for {seconds} s (socket-timeout); {then}"
            );
            (msg::ANSWER_TIMEOUT, 504, text)
        } else if error.kind() == io::ErrorKind::InvalidData {
            (msg::LINK_BROKEN, 500, format!("a process of group '{name}' has sent nonsense: {error}; {then}"))
        } else if error.raw_os_error() == Some(libc::EMFILE) {
            let text = format!(
                "a file of an answer cannot be received: {error} ('ulimit -n' of Apache's user); {then}"
            );
            (msg::LINK_BROKEN, 500, text)
        } else if progress == Progress::Late {
            let seconds = self.live.group.request_timeout;
            let text =
                format!("a request has lasted longer than request-timeout ({seconds} s) allows; {then}");
            (msg::REQUEST_INTERRUPTED, 504, text)
        } else {
            let text = format!("a process of group '{name}' has ended in the middle of the request; {then}");
            (msg::ANSWER_LOST, 502, text)
        };
        r.log(message, text);
        if sent {
            return Relayed::Done(self.exchange.fail(), None);
        }
        self.exchange.answer.clear();
        if status == 504 {
            r.retry_after(10);
        }
        Relayed::Done(Status(status), None)
    }
}
