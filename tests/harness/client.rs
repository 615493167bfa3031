//! An HTTP/1.1 client that hides nothing: plain requests in one call, or a connection to write to byte by byte.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;

use crate::poll::PATIENCE;
use crate::response::Response;
use crate::server::Server;

/// A request being put together; `send` makes the exchange on a connection of its own.
pub struct Request<'s> {
    server: &'s Server,
    port: u16,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl<'s> Request<'s> {
    pub fn new(server: &'s Server, method: &str, target: &str) -> Self {
        Request {
            server,
            port: server.port(),
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Through another port of the server.
    pub fn through(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A header line; `Host` and `Connection` replace those sent otherwise.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A body with its Content-Length.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.header("Content-Length", &body.as_ref().len().to_string())
    }

    /// A body in chunks.
    pub fn chunks(mut self, chunks: &[&[u8]]) -> Self {
        for chunk in chunks {
            self.body.extend(format!("{:x}\r\n", chunk.len()).bytes());
            self.body.extend_from_slice(chunk);
            self.body.extend_from_slice(b"\r\n");
        }
        self.body.extend_from_slice(b"0\r\n\r\n");
        self.header("Transfer-Encoding", "chunked")
    }

    /// The bytes of the request, head and body.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let own = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !own("Host") {
            text.push_str(&format!("Host: localhost:{}\r\n", self.port));
        }
        if !own("Connection") {
            text.push_str("Connection: close\r\n");
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }

    /// Sends it and reads the answer, both at once: an application may answer while it reads, and a client that does
    /// not take the answer then waits for ever for its own body to be taken.
    #[track_caller]
    pub fn send(self) -> Response {
        let mut connection = Connection::through(self.server, self.port);
        let bytes = self.bytes();
        self.server.note_request(&bytes);
        let mut stream = connection.stream.get_ref().try_clone().expect("a second handle of the connection");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // A server that closed already is not an error here: its answer may still be read.
                let _ = stream.write_all(&bytes);
            });
            connection.read(self.method == "HEAD")
        })
    }
}

/// A connection to the server, for what an ordinary client does not do.
pub struct Connection<'s> {
    server: &'s Server,
    stream: BufReader<TcpStream>,
}

impl<'s> Connection<'s> {
    pub fn open(server: &'s Server) -> Self {
        Self::through(server, server.port())
    }

    /// One to this port of the server.
    pub fn through(server: &'s Server, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("write timeout");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Connection { server, stream: BufReader::new(stream) }
    }

    /// Writes bytes as they are. A server that closed already is not an error here: its answer may still be read.
    pub fn send(&mut self, bytes: &[u8]) {
        self.server.note_request(bytes);
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Another handle for writing, while this one reads.
    #[track_caller]
    pub fn sender(&self) -> Sender {
        Sender(self.stream.get_ref().try_clone().expect("a second handle of the connection"))
    }

    /// Reads the next answer.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.read(false)
    }

    /// Reads the next answer, which is one to a HEAD request if `to_head`.
    #[track_caller]
    pub fn read(&mut self, to_head: bool) -> Response {
        match Response::read(&mut self.stream, to_head) {
            Ok(response) => {
                self.server.note_response(&response);
                response
            }
            Err(e) => panic!("no answer: {e}"),
        }
    }

    /// Reads the next answer, or nothing if the server leaves without one.
    pub fn try_response(&mut self) -> Option<Response> {
        let response = Response::read(&mut self.stream, false).ok()?;
        self.server.note_response(&response);
        Some(response)
    }

    /// Reads whatever has come, up to `n` bytes, at least one; nothing at the end.
    pub fn some(&mut self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        let got = self.stream.read(&mut bytes).unwrap_or(0);
        bytes.truncate(got);
        bytes
    }

    /// Everything up to the end of the connection, undecoded.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes);
        bytes
    }

    /// Says that nothing more will be sent, and keeps reading.
    pub fn half_close(&mut self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// Leaves at once: the server sees a reset.
    pub fn abort(self) {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        // SAFETY: the descriptor is open, the option's value outlives the call and has the length told.
        unsafe {
            libc::setsockopt(
                self.stream.get_ref().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of::<libc::linger>() as libc::socklen_t,
            );
        }
    }
}

/// The writing end of a connection.
pub struct Sender(TcpStream);

impl Sender {
    /// Writes bytes as they are, if the server takes them.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }
}
