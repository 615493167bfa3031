//! `wsgi.input`: the request's body as a stream (PEP 3333, "Input and Error Streams").

use super::call::Call;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, InterpreterCell, Problem, Py, Raised, Result};
use std::ffi::CStr;
use std::sync::Arc;
use wire::abi::ReadError;

/// Bytes asked of the server at a time where the application did not say how many.
const CHUNK: usize = 64 * 1024;
/// Largest object that is made before its bytes have come.
const IN_PLACE: usize = 1 << 20;
/// Bytes asked for where the end is expected.
const LITTLE: usize = 1024;
/// Bytes read ahead for lines.
const LINE_CHUNK: usize = 8 * 1024;

/// `wsgi.input` of one request.
pub struct Input {
    call: Arc<Call>,
    /// `None` while a thread reads.
    state: InterpreterCell<Option<State>>,
}

#[derive(Default)]
struct State {
    /// Read ahead for lines; what is before `at` is taken.
    ahead: Vec<u8>,
    at: usize,
    /// Taken from the server so far.
    read: u64,
    ended: bool,
}

impl Input {
    /// The body of a request.
    pub fn new(call: Arc<Call>) -> Self {
        let state = InterpreterCell::new(call.interpreter.id(), Some(State::default()));
        Self { call, state }
    }

    /// Works on the state, which no other thread may do meanwhile: reads of two threads at once would mix.
    fn with<'py, T>(&self, py: Py<'py>, work: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let Some(mut state) = self.state.take(py) else {
            return Err(Problem::Runtime.raise(py, "wsgi.input is being read by another thread"));
        };
        let result = work(&mut state);
        self.state.set(py, Some(state));
        result
    }

    /// Raises what a failed read stands for.
    fn failed(&self, py: Py<'_>, error: ReadError) -> Raised {
        self.call.read_error.set(py, Some(error));
        let text = match error {
            ReadError::Disconnected => "the client closed the connection",
            ReadError::Timeout => "no data within the server's time limit",
            ReadError::TooLarge => "the body is larger than LimitRequestBody",
            ReadError::Malformed => "the body is malformed",
        };
        let text = format!("mod_wsgi request data read error: {text}");
        match error {
            ReadError::Disconnected => Raised::with(self.call.interpreter.client_disconnected(py), text),
            _ => Problem::Os.raise(py, text),
        }
    }

    /// What the body can still hold, if what was declared is true: filters may make it more or less, so this is only a
    /// hint for the size of a read, and the body ends where the server says.
    fn rest(&self, state: &State) -> usize {
        let rest = self.call.length.map_or(0, |length| length.saturating_sub(state.read));
        usize::try_from(rest).unwrap_or(usize::MAX)
    }

    fn read<'py>(&self, py: Py<'py>, state: &mut State, size: Option<usize>) -> Result<Bound<'py>> {
        if self.call.is_closed() {
            return Err(Problem::Runtime.raise(py, "read() called after request completed"));
        }
        let mut data = state.take(size.unwrap_or(usize::MAX));
        if state.ended || size == Some(data.len()) {
            return Bound::bytes(py, &data);
        }
        // An object of the expected size is filled in place, unless that is more than one should trust a client with.
        let expected = size.unwrap_or_else(|| self.rest(state));
        if data.is_empty() && (1..=IN_PLACE).contains(&expected) {
            let object = self.read_in_place(py, state, expected)?;
            if size.is_some() || self.ends_here(py, state, &mut data)? {
                return Ok(object);
            }
            data.splice(0..0, object.as_bytes().unwrap_or_default().iter().copied());
        }
        self.read_growing(py, state, &mut data, size)?;
        Bound::bytes(py, &data)
    }

    /// Reads `len` bytes, or fewer if the body ends before.
    fn read_in_place<'py>(&self, py: Py<'py>, state: &mut State, len: usize) -> Result<Bound<'py>> {
        let call = self.call.clone();
        let filled = Bound::bytes_filled(py, len, |into| {
            let mut done = 0;
            while done < into.len() {
                match call.link_read(&mut into[done..])? {
                    0 => break,
                    count => done += count,
                }
            }
            Ok(done)
        })?;
        let object = filled.map_err(|error| self.failed(py, error))?;
        let count = object.as_bytes().map_or(0, <[u8]>::len);
        state.read += count as u64;
        state.ended = count < len;
        Ok(object)
    }

    /// Whether the body has ended; if not, what came is in `data`.
    fn ends_here(&self, py: Py<'_>, state: &mut State, data: &mut Vec<u8>) -> Result<bool> {
        if !state.ended {
            self.fetch(py, state, data, LITTLE)?;
        }
        Ok(state.ended)
    }

    /// Reads until `data` holds `size` bytes, or to the end.
    fn read_growing(
        &self,
        py: Py<'_>,
        state: &mut State,
        data: &mut Vec<u8>,
        size: Option<usize>,
    ) -> Result<()> {
        while !state.ended && size.is_none_or(|size| data.len() < size) {
            let room = size.map_or(CHUNK, |size| (size - data.len()).min(CHUNK));
            self.fetch(py, state, data, room)?;
        }
        Ok(())
    }

    /// Reads once from the server, and appends to `data`.
    fn fetch(&self, py: Py<'_>, state: &mut State, data: &mut Vec<u8>, room: usize) -> Result<()> {
        let start = data.len();
        data.resize(start + room, 0);
        let answer = self.call.blocking(py, "read", |link| link.read(&mut data[start..]))?;
        let count = match answer {
            Ok(count) => count,
            Err(error) => {
                data.truncate(start);
                return Err(self.failed(py, error));
            }
        };
        data.truncate(start + count);
        state.read += count as u64;
        state.ended = count == 0;
        Ok(())
    }

    fn line<'py>(&self, py: Py<'py>, state: &mut State, size: Option<usize>) -> Result<Bound<'py>> {
        if self.call.is_closed() {
            return Err(Problem::Runtime.raise(py, "readline() called after request completed"));
        }
        let limit = size.unwrap_or(usize::MAX);
        let mut searched = 0;
        loop {
            let pending = &state.ahead[state.at..];
            let newline =
                pending[searched..].iter().position(|&byte| byte == b'\n').map(|at| searched + at + 1);
            if let Some(end) = newline.or((pending.len() >= limit).then_some(limit)) {
                let line = state.take(end.min(limit));
                return Bound::bytes(py, &line);
            }
            searched = pending.len();
            if state.ended {
                let line = state.take(usize::MAX);
                return Bound::bytes(py, &line);
            }
            state.ahead.drain(..state.at);
            state.at = 0;
            let mut ahead = std::mem::take(&mut state.ahead);
            let fetched = self.fetch(py, state, &mut ahead, LINE_CHUNK);
            state.ahead = ahead;
            fetched?;
        }
    }
}

impl State {
    /// Takes up to `most` bytes of what was read ahead.
    fn take(&mut self, most: usize) -> Vec<u8> {
        let end = self.at + most.min(self.ahead.len() - self.at);
        let taken = self.ahead[self.at..end].to_vec();
        self.at = end;
        if self.at == self.ahead.len() {
            self.ahead.clear();
            self.at = 0;
        }
        taken
    }
}

impl Call {
    /// Reads without the GIL, for a closure that runs without it.
    fn link_read(&self, into: &mut [u8]) -> std::result::Result<usize, ReadError> {
        self.give_turn();
        self.detached_link(|link| link.read(into)).unwrap_or(Ok(0))
    }
}

/// The size argument: absent or negative is "all". `None` is not taken, as mod_wsgi does not.
fn size(args: Args<'_, '_>) -> Result<Option<usize>> {
    args.count(0, 1)?;
    let Some(size) = args.get(0) else { return Ok(None) };
    Ok(usize::try_from(size.as_int()?).ok())
}

impl Class for Input {
    const NAME: &'static CStr = c"mod_wsgi.Input";
    const DOC: &'static CStr = c"The body of a request.";

    fn members(members: &mut Members<Self>) {
        members
            .method(c"read", |py, this: &Input, args| {
                let size = size(args)?;
                this.with(py, |state| this.read(py, state, size))
            })
            .method(c"readline", |py, this: &Input, args| {
                let size = size(args)?;
                this.with(py, |state| this.line(py, state, size))
            })
            .method(c"readlines", |py, this: &Input, args| {
                let hint = size(args)?.filter(|&hint| hint > 0);
                this.with(py, |state| {
                    let (mut lines, mut total) = (Vec::new(), 0);
                    while hint.is_none_or(|hint| total < hint) {
                        let line = this.line(py, state, None)?;
                        let length = line.as_bytes().map_or(0, <[u8]>::len);
                        if length == 0 {
                            break;
                        }
                        total += length;
                        lines.push(line);
                    }
                    Bound::list(py, lines)
                })
            })
            .method(c"close", |py, _: &Input, args| {
                args.count(0, 0)?;
                Ok(Bound::none(py))
            })
            .iterator(|py, this: &Input| {
                let line = this.with(py, |state| this.line(py, state, None))?;
                let ended = line.as_bytes().is_none_or(<[u8]>::is_empty);
                Ok((!ended).then_some(line))
            });
    }
}
