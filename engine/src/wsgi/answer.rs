//! The state of an answer: what start_response was told, and how much of the body went out (PEP 3333).

use super::call::{Call, after_request};
use super::hop::HopByHop;
use super::validate;
use crate::python::{Bound, Problem, Py, Raised, Result};
use crate::requests::Block;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use wire::abi::COPY_LIMIT;

/// What is known of the answer so far.
#[derive(Default)]
pub struct Answer {
    /// start_response was called; 0 otherwise.
    pub status: i32,
    /// Status line and headers, one after another.
    text: Vec<u8>,
    line: Range<usize>,
    headers: Vec<(Range<usize>, Range<usize>)>,
    /// Headers that were left out.
    pub dropped: HopByHop,
    /// `write()` was called or data came: start_response may not be called again without exc_info.
    pub frozen: bool,
    /// Headers were handed over.
    pub committed: bool,
    /// Bytes that Content-Length still allows.
    remaining: Option<u64>,
}

impl Answer {
    /// Puts `fresh` in the place of what start_response was told before.
    pub fn replace(&mut self, fresh: Answer) {
        *self = Answer { frozen: self.frozen, committed: self.committed, ..fresh };
    }

    /// Status and headers, checked.
    pub fn of(call: &Call, status: &Bound<'_>, headers: &Bound<'_>) -> Result<Self> {
        let py = status.py();
        let mut answer = Answer { text: Vec::with_capacity(256), ..Answer::default() };
        if !status.is_str() {
            return Err(Problem::Type.raise(
                py,
                format_args!("start_response() argument 1 must be str, not {}", status.type_name()),
            ));
        }
        let line = status.as_latin1()?;
        answer.status = validate::status(&line).map_err(|text| Problem::Value.raise(py, text))?;
        answer.line = answer.push(&line);
        if !headers.is_list() {
            return Err(Problem::Type.raise(
                py,
                format_args!("start_response() argument 2 must be list, not {}", headers.type_name()),
            ));
        }
        let too_large = |text: String| {
            call.message(wire::message::HEADER_TOO_LONG, &text);
            Problem::Value.raise(py, text)
        };
        let count = headers.count();
        validate::size(count, answer.text.len()).map_err(too_large)?;
        for index in 0..count {
            answer.header(&headers.item(index)?)?;
            validate::size(count, answer.text.len()).map_err(too_large)?;
        }
        Ok(answer)
    }

    fn push(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        start..self.text.len()
    }

    fn header(&mut self, header: &Bound<'_>) -> Result<()> {
        let py = header.py();
        if !header.is_tuple() {
            return Err(Problem::Type
                .raise(py, format_args!("each header must be a 2-tuple, not {}", header.type_name())));
        }
        if header.count() != 2 {
            return Err(Problem::Value
                .raise(py, format_args!("each header must be a 2-tuple, got length {}", header.count())));
        }
        let (name, value) = (header.item(0)?, header.item(1)?);
        for part in [&name, &value] {
            if !part.is_str() {
                return Err(Problem::Type
                    .raise(py, format_args!("header name and value must be str, not {}", part.type_name())));
            }
        }
        let (name, value) = (name.as_latin1()?, value.as_latin1()?);
        validate::name(&name)
            .and_then(|()| validate::value(&value))
            .map_err(|text| Problem::Value.raise(py, text))?;
        if self.dropped.note(&name) {
            return Ok(());
        }
        if is_content_length(&name) {
            // One that says nothing is as if it were not there, and so is one that says the same again.
            let before = self.content_length();
            if value.is_empty() || before.is_some_and(|before| validate::is_same_length(before, &value)) {
                return Ok(());
            }
            if let Some(before) = before {
                let shown = [before, &*value].map(wire::shown);
                let text = format!("Content-Length headers that differ: {} and {}", shown[0], shown[1]);
                return Err(Problem::Value.raise(py, text));
            }
        }
        let entry = (self.push(&name), self.push(&value));
        self.headers.push(entry);
        Ok(())
    }

    fn content_length(&self) -> Option<&[u8]> {
        let header = self.headers.iter().find(|(name, _)| is_content_length(&self.text[name.clone()]));
        header.map(|(_, value)| &self.text[value.clone()])
    }

    /// Adds or replaces Content-Length.
    fn set_content_length(&mut self, length: u64) {
        let text = &self.text;
        self.headers.retain(|(name, _)| !is_content_length(&text[name.clone()]));
        let entry = (self.push(b"Content-Length"), self.push(length.to_string().as_bytes()));
        self.headers.push(entry);
    }

    /// How much of a block of so many bytes Content-Length allows: that much is sent.
    fn allow(&mut self, len: usize) -> usize {
        let Some(rest) = &mut self.remaining else { return len };
        let allowed = (len as u64).min(*rest);
        *rest -= allowed;
        allowed as usize
    }

    /// Fewer bytes came than Content-Length promised. Answers without a body may tell its length (RFC 9110, 8.6).
    pub fn is_short(&self) -> bool {
        ![204, 205, 304].contains(&self.status) && self.remaining.is_some_and(|rest| rest > 0)
    }

    /// The declared length as a number; a malformed one raises ValueError.
    pub fn declared(&self, py: Py<'_>) -> Result<Option<u64>> {
        let length = self.content_length().map(validate::content_length).transpose();
        length.map_err(|text| Problem::Value.raise(py, text))
    }
}

fn is_content_length(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"Content-Length")
}

impl Call {
    /// Hands status and headers over, unless that was done. Raises if start_response was not called.
    pub fn commit(&self, py: Py<'_>) -> Result<()> {
        loop {
            let mut answer = self.answer.borrow(py);
            if answer.committed {
                return Ok(());
            }
            if answer.status == 0 {
                return Err(Problem::Runtime
                    .raise(py, "start_response() must be called before response content is produced"));
            }
            // With the GIL from here on: no other thread sees an answer that is committed but has no head yet, and
            // none is waited for while it is borrowed.
            if let Some(mut link) = self.try_lock() {
                answer.remaining = answer.declared(py)?;
                if let Some(length) = answer.remaining
                    && !answer.content_length().is_some_and(|text| text[0].is_ascii_digit())
                {
                    answer.set_content_length(length);
                }
                answer.frozen = true;
                answer.committed = true;
                let answer = &*answer;
                let part = |range: &Range<usize>| &answer.text[range.clone()];
                let headers: Vec<_> = answer.headers.iter().map(|(n, v)| (part(n), part(v))).collect();
                let link = link.as_mut().ok_or_else(|| after_request(py, "start_response"))?;
                link.head(answer.status, part(&answer.line), &headers);
                return Ok(());
            }
            drop(answer);
            self.wait(py);
        }
    }

    /// Adds a block of the body. What Content-Length does not allow is dropped. False: it was empty.
    pub fn block(self: &Arc<Self>, block: &Bound<'_>) -> Result<bool> {
        let py = block.py();
        let bytes = block.as_bytes().unwrap_or_default();
        if bytes.is_empty() {
            return Ok(false);
        }
        let allowed = loop {
            {
                let mut answer = self.answer.borrow(py);
                if answer.committed {
                    break answer.allow(bytes.len());
                }
            }
            self.commit(py)?;
        };
        let bytes = &bytes[..allowed];
        if bytes.is_empty() {
            return Ok(true);
        }
        if bytes.len() <= COPY_LIMIT {
            self.quick(py, "write", |link| link.copy(bytes))?;
        } else {
            let len = bytes.len();
            if let Some(bytes) = block.clone().keep_bytes(len) {
                let block = Block { bytes, interpreter: self.interpreter.clone() };
                self.quick(py, "write", move |link| link.refer(block))?;
            }
        }
        Ok(true)
    }

    /// Sends what was added. False: the client has gone.
    pub fn flush(&self, py: Py<'_>) -> Result<bool> {
        if self.gone.get(py) {
            return Ok(false);
        }
        let there = self.blocking(py, "write", |link| link.flush())?;
        // Blocks that have just been sent are let go now, while we are attached anyway.
        self.interpreter.release_pending(py);
        if !there {
            self.gone.set(py, true);
        }
        Ok(there)
    }

    /// Sends what was added; the file it was of may go afterwards.
    pub fn settle(&self, py: Py<'_>) -> Result<()> {
        if !self.gone.get(py) {
            let there = self.blocking(py, "write", |link| link.settle())?;
            self.gone.set(py, !there);
        }
        Ok(())
    }

    /// Makes a regular file the body, from `offset` on. Answers false if the file cannot be handed over.
    pub fn file(&self, py: Py<'_>, file: File, offset: u64, size: u64) -> Result<bool> {
        let available = size.saturating_sub(offset);
        {
            let mut answer = self.answer.borrow(py);
            let length = match answer.declared(py)? {
                Some(length) if length <= available => length,
                Some(length) => {
                    self.message(
                        wire::message::SHORT_RESPONSE,
                        format_args!(
                            "Content-Length {length} of a file with {available} bytes left is corrected"
                        ),
                    );
                    available
                }
                None => available,
            };
            answer.set_content_length(length);
        }
        self.commit(py)?;
        let length = self.answer.borrow(py).remaining.unwrap_or(available);
        // Behind the file's end there is nothing to send.
        if length > 0 {
            let added = self.quick(py, "write", |link| link.file(file, offset as i64, length as i64))?;
            if let Err(error) = added {
                return Err(Problem::Os.raise(py, format_args!("wsgi.file_wrapper: {error}")));
            }
        }
        self.answer.borrow(py).remaining = Some(0);
        Ok(true)
    }
}

/// Raised when the client has gone: `mod_wsgi.ClientDisconnected`.
pub fn client_gone(call: &Call, py: Py<'_>) -> Raised {
    Raised::with(call.interpreter.client_disconnected(py), "mod_wsgi client connection closed")
}
