//! Reading a response off a connection, and knowing whether it came to its proper end.

use std::io::{self, BufRead, Read};

/// An answer as it stood on the wire.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Sent with `Transfer-Encoding: chunked`.
    pub chunked: bool,
    /// False when the connection ended before the last chunk or before Content-Length bytes.
    pub complete: bool,
    /// Statuses of interim answers, say 100.
    pub interim: Vec<u16>,
}

impl Response {
    /// The body as text, bytes that are not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, the form in which the test applications report what they saw.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: status {}, not JSON: {}", self.status, self.text()))
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }

    /// Every header of this name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// Reads one answer. `to_head` says that it answers a HEAD request and so has no body.
    pub fn read(from: &mut impl BufRead, to_head: bool) -> io::Result<Response> {
        let mut response = Response::default();
        loop {
            response.read_head(from)?;
            if !(100..200).contains(&response.status) || response.status == 101 {
                break;
            }
            response.interim.push(response.status);
        }
        response.read_body(from, to_head)?;
        Ok(response)
    }

    fn read_head(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        let status_line = read_line(from)?;
        let malformed =
            || io::Error::new(io::ErrorKind::InvalidData, format!("status line: {status_line:?}"));
        let rest = status_line.strip_prefix("HTTP/1.").ok_or_else(malformed)?;
        self.status = rest.get(2..5).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
        self.reason = rest.get(6..).unwrap_or("").to_owned();
        self.headers.clear();
        loop {
            let line = read_line(from)?;
            if line.is_empty() {
                return Ok(());
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            self.headers.push((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
        }
    }

    fn read_body(&mut self, from: &mut impl BufRead, to_head: bool) -> io::Result<()> {
        self.chunked = self.header("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
        if to_head || matches!(self.status, 204 | 304) || self.status < 200 {
            self.complete = true;
        } else if self.chunked {
            self.complete = self.read_chunks(from)?;
        } else if let Some(length) = self.header("Content-Length") {
            let length: u64 =
                length.parse().map_err(|_| io::Error::other(format!("Content-Length: {length}")))?;
            end_is_no_error(from.take(length).read_to_end(&mut self.body))?;
            self.complete = self.body.len() as u64 == length;
        } else {
            end_is_no_error(from.read_to_end(&mut self.body))?;
            self.complete = true;
        }
        Ok(())
    }

    /// Reads chunks up to the last; false if the connection ends before it.
    fn read_chunks(&mut self, from: &mut impl BufRead) -> io::Result<bool> {
        loop {
            let Ok(line) = read_line(from) else { return Ok(false) };
            let size = line.split(';').next().unwrap_or("").trim();
            let size = u64::from_str_radix(size, 16)
                .map_err(|_| io::Error::other(format!("chunk size {line:?}")))?;
            if size == 0 {
                while !read_line(from)?.is_empty() {}
                return Ok(true);
            }
            let before = self.body.len() as u64;
            end_is_no_error(from.take(size).read_to_end(&mut self.body))?;
            if self.body.len() as u64 - before < size || read_line(from).is_err() {
                return Ok(false);
            }
        }
    }
}

/// A reset in the middle of a body is an incomplete answer, not a fault of the test; a time-out stays one.
fn end_is_no_error(result: io::Result<usize>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::ConnectionReset => Err(e),
        _ => Ok(()),
    }
}

/// One line without its CRLF. The end of the connection is an error: a head is never cut.
fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "connection closed before the end of a line",
        ));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line.into_iter().map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str) -> Response {
        Response::read(&mut bytes.as_bytes(), false).expect("a response")
    }

    #[test]
    fn complete_and_cut_chunks() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
        let whole = read(&format!("{head}0\r\n\r\n"));
        assert_eq!((whole.body.as_slice(), whole.complete), (b"abc".as_slice(), true));
        let cut = read(head);
        assert_eq!((cut.body.as_slice(), cut.complete), (b"abc".as_slice(), false));
        assert!(!read(&head[..head.len() - 4]).complete);
    }

    #[test]
    fn cut_length() {
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab").complete);
        assert!(!read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab").complete);
    }

    #[test]
    fn interim_answers_are_kept_apart() {
        let r = read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX: y\r\n\r\n");
        assert_eq!((r.interim, r.status), (vec![100], 204));
    }
}
