//! What of a body is read before a thread of a process is taken: a client that sends slowly holds none.

mod kept;

use super::block::Block;
use crate::apache::Request;
use crate::apache::body::Body;
use crate::serve::context::RequestContext;
use kept::Kept;
use wire::abi::ReadError;
use wire::frame::Body as State;

/// Bytes of the body that are kept in memory and sent with the request.
const AT_ONCE: usize = 64 << 10;

/// The beginning of a body, which may be all of it.
pub struct Ahead<'r> {
    /// What goes along with the request. `None`: nothing was read.
    first: Option<Block>,
    /// What was read behind that.
    rest: Kept<'r>,
    /// How much of the rest a process has asked for.
    given: u64,
    /// What is behind it.
    state: State,
}

/// The client went while its body was read.
pub struct Gone;

/// How much of a body is read.
struct Amount {
    /// Room for the first part: for all of a body that is declared to be small, and for a little where there may be none.
    first: usize,
    /// At most; 0: there is no body.
    most: usize,
}

/// How much of the body is read; `None`: nothing, the application decides whether it comes at all. `size`:
/// request-buffer-size.
fn amount(r: Request<'_>, size: usize) -> Option<Amount> {
    /// A body without a length, over HTTP/2, that is small.
    const LITTLE: usize = 4 << 10;
    let headers = r.headers_in();
    let has = |name| headers.get(name).is_some();
    let is_chunked = has(c"Transfer-Encoding");
    let declared = headers.get(c"Content-Length").filter(|_| !is_chunked);
    if declared.is_none() && !is_chunked && r.protocol().starts_with(b"HTTP/1") {
        return Some(Amount { first: 0, most: 0 });
    }
    // The body that is there belongs to the page that this is a part of (SSI), or to the request that was refused.
    if r.is_part() || r.is_error_page() || (size == 0 && (is_chunked || has(c"Expect"))) {
        return None;
    }
    let Some(declared) = declared else {
        return (size > 0).then(|| Amount { first: size.min(LITTLE), most: size });
    };
    let declared = std::str::from_utf8(declared).ok()?.parse::<usize>().ok()?;
    // One more than there should be shows the end. A filter may make it longer than it was declared.
    let first = if declared <= AT_ONCE { declared + 1 } else { AT_ONCE };
    (declared <= size.max(AT_ONCE)).then(|| Amount { first, most: size.max(declared + 1) })
}

/// Reads until this is full, or to the end.
fn fill(body: &mut Body<'_>, into: &mut [u8]) -> (usize, State) {
    let mut count = 0;
    while count < into.len() {
        match body.read(&mut into[count..]) {
            Ok(0) => return (count, State::End),
            Ok(more) => count += more,
            Err(error) => return (count, State::Failed(error)),
        }
    }
    (count, State::More)
}

impl<'r> Ahead<'r> {
    /// Reads as much as `size` allows.
    pub fn read(context: &mut RequestContext<'r>, size: u32) -> Result<Self, Gone> {
        let r = context.request;
        let mut ahead = Self { first: None, rest: Kept::new(r), given: 0, state: State::More };
        let Some(Amount { first, most }) = amount(r, size as usize) else { return Ok(ahead) };
        let body = &mut context.body;
        if most == 0 {
            ahead.first = Some(Block::new(0));
            ahead.state = State::End;
            return Ok(ahead);
        }
        let mut block = Block::new(first);
        let (mut count, mut state) = fill(body, block.bytes_mut());
        if state == State::More && first < most.min(AT_ONCE) {
            block.resize(most.min(AT_ONCE));
            let more;
            (more, state) = fill(body, &mut block.bytes_mut()[count..]);
            count += more;
        }
        ahead.state = state;
        block.resize(count);
        let mut left = most - count;
        ahead.first = Some(block);
        while ahead.state == State::More && left > 0 {
            let mut block = Block::new(left.min(AT_ONCE));
            let (count, state) = fill(body, block.bytes_mut());
            ahead.rest.put(body, &block.as_ref()[..count]);
            (left, ahead.state) = (left - count, state);
        }
        if ahead.state == State::Failed(ReadError::Disconnected) { Err(Gone) } else { Ok(ahead) }
    }

    /// What goes along with the request, if anything. Nothing of the rest has been asked for then.
    pub fn first(&mut self) -> Option<(Block, State)> {
        let state = if self.rest.is_empty() { self.state } else { State::More };
        Some((self.first.take()?, state))
    }

    /// Nobody asks for it any more: what was read is dropped.
    pub fn forget(&mut self) {
        self.rest.clear();
        self.state = State::End;
    }

    /// A process begins with the request: what one before it has asked for is there for it, too.
    pub fn rewind(&mut self) {
        self.given = 0;
    }

    /// The next bytes of it can be had without the client.
    pub fn is_there(&self) -> bool {
        self.given < self.rest.len() || self.state != State::More
    }

    /// What comes behind that which went along: up to as much as there is room for.
    pub fn next(&mut self, body: &mut Body<'_>, into: &mut [u8]) -> (usize, State) {
        if self.given < self.rest.len() {
            let Some(count) = self.rest.get(self.given, into) else {
                return (0, State::Failed(ReadError::Malformed));
            };
            self.given += count as u64;
            return (count, if self.given == self.rest.len() { self.state } else { State::More });
        }
        if self.state != State::More {
            return (0, self.state);
        }
        match body.read(into) {
            Ok(0) => (0, State::End),
            Ok(count) => (count, State::More),
            Err(error) => (0, State::Failed(error)),
        }
    }
}
