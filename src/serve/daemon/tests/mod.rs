//! The child's side of daemon mode over real sockets: a script stands in for the worker, and a simple client for httpd's.

mod lost;
mod pool;
mod relay;
mod slow;
mod visitor;

use super::pool::{Conn, Pool};
use super::relay::{Relay, Relayed};
use crate::config::daemon::GroupOptions;
use crate::groups::ProcessGroup;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use visitor::Visitor;
use wire::abi::{End, Outcome};
use wire::frame::{self, HEADER, Header, Hello, Kind, VERSIONS};
use wire::scoreboard::ConnectionSlot;

/// How long nothing may happen in a test.
const PATIENCE: Duration = Duration::from_secs(10);
/// The generation of the script.
const GENERATION: u32 = 3;

/// A group whose worker is a script of the test.
struct Group {
    live: &'static ProcessGroup,
    pool: Pool,
    listener: UnixListener,
}

/// Options of a group that has one process of two threads.
fn options() -> GroupOptions {
    GroupOptions {
        name: b"g".to_vec(),
        threads: 2,
        listen_backlog: 10,
        connect_timeout: 5,
        ..GroupOptions::default()
    }
}

impl Group {
    /// A group of which no worker serves yet.
    fn new(options: GroupOptions) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wsgi-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        Self { live: ProcessGroup::of_test(&path, options), pool: Pool::default(), listener }
    }

    /// A group whose worker takes requests.
    fn serving(options: GroupOptions) -> Self {
        let group = Self::new(options);
        group.open();
        group
    }

    fn open(&self) {
        let board = self.live.board;
        board.slots[1].open(GENERATION, self.live.threads(), 0, board.connections(1));
    }

    fn claimed(&self) -> u32 {
        self.live.slots[1].claimed()
    }

    fn entry(&self, index: u32) -> &'static ConnectionSlot {
        &self.live.board.connections(1)[index as usize]
    }

    fn hello(&self, index: u32) -> Hello {
        let token = self.live.token;
        Hello {
            versions: (*VERSIONS.start(), *VERSIONS.end()),
            token,
            slot: 1,
            generation: GENERATION,
            connection: index,
        }
    }

    /// The worker: takes a connection from the queue, for which it claims a thread, and greets.
    fn accept(&self, index: u32) -> Peer<'_> {
        let mut peer = Peer { group: self, index, stream: self.listener.accept().unwrap().0 };
        peer.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(self.live.slots[1].claim(GENERATION, 100), Some(true));
        self.entry(index).claimed.store(1, Ordering::SeqCst);
        peer.send(|out| self.hello(index).put(out));
        peer
    }

    /// The child: a connection with a thread behind it, while `script` is the worker.
    fn take(&self) -> Conn {
        self.pool.take(self.live, PATIENCE, None).unwrap()
    }

    /// Relays a request on a new connection, at whose other end the script is.
    fn relay(&self, visitor: &mut Visitor, request: &[u8], script: impl FnOnce(Peer<'_>) + Send) -> Relayed {
        std::thread::scope(|scope| {
            scope.spawn(|| script(self.accept(0)));
            let conn = self.take();
            Relay::new(visitor, &self.pool, self.live, conn).run(&mut request.into())
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(wire::shown(&self.live.path).as_ref());
    }
}

/// The worker's end of a connection.
struct Peer<'g> {
    group: &'g Group,
    index: u32,
    stream: UnixStream,
}

impl Peer<'_> {
    /// Sends frames.
    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.stream.write_all(&out).unwrap();
    }

    /// Receives a frame of this kind; answers its flag and payload.
    fn receive(&mut self, kind: Kind) -> (u8, Vec<u8>) {
        let mut bytes = [0; HEADER];
        self.stream.read_exact(&mut bytes).unwrap();
        let header = Header::parse(bytes).unwrap();
        assert_eq!(header.kind, kind);
        let mut payload = vec![0; header.len];
        self.stream.read_exact(&mut payload).unwrap();
        (header.flag, payload)
    }

    /// The application is called.
    fn start(&self) {
        self.group.entry(self.index).started.store(1, Ordering::SeqCst);
    }

    /// Lets the claim go and sends the end of a whole answer.
    fn end(&mut self) {
        self.end_with(Outcome::of(End::Complete, 0));
    }

    fn end_with(&mut self, outcome: Outcome) {
        self.group.entry(self.index).claimed.store(0, Ordering::SeqCst);
        self.group.live.slots[1].release(GENERATION);
        self.send(|out| frame::put_end(out, outcome));
    }

    /// Waits for the end of the connection; nothing may come before it.
    fn expect_end(mut self) {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(rest, b""),
            // What was sent was not read.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

/// A REQUEST frame; nobody looks into it here.
fn request(bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put(&mut out, Kind::Request, 0, &vec![b'r'; bytes]);
    out
}

/// Head and body of an answer.
fn answer(out: &mut Vec<u8>, headers: &[(&[u8], &[u8])], body: &[u8]) {
    frame::Answer::put(out, 200, b"200 OK", headers);
    frame::put(out, Kind::Data, 0, body);
}

#[test]
fn paths_of_the_environ_are_those_inside_a_chroot() {
    for name in [&b"SCRIPT_FILENAME"[..], b"DOCUMENT_ROOT", b"mod_wsgi.handler_script"] {
        assert_eq!(super::in_chroot(Some(b"/jail"), name, b"/jail/srv/app.wsgi"), b"/srv/app.wsgi");
        assert_eq!(super::in_chroot(Some(b"/jail"), name, b"/jails/app.wsgi"), b"/jails/app.wsgi");
        assert_eq!(super::in_chroot(None, name, b"/jail/app.wsgi"), b"/jail/app.wsgi");
    }
    assert_eq!(super::in_chroot(Some(b"/jail"), b"PATH_INFO", b"/jail/x"), b"/jail/x");
}
