//! The worker's side of the link over real sockets: a script stands in for Apache's child, another one for the application.

mod bodies;
mod ends;
mod places;
mod requests;

use super::conn::Conn;
use super::link::Remote;
use super::listener::Listener;
use super::places::Places;
use super::reception::{Reception, Service};
use super::system;
use crate::requests::Link;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use wire::abi::{End, Outcome};
use wire::frame::{self, HEADER, Header, Hello, Kind};
use wire::request::{self, Head};
use wire::scoreboard::{Scoreboard, Title, records};

const GENERATION: u32 = 9;
const SLOT: usize = 1;
/// How long nothing may happen in a test.
const PATIENCE: Duration = Duration::from_secs(10);

/// A worker without Python, with threads that have begun to wait.
struct Worker {
    path: PathBuf,
    reception: Arc<Reception>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What stands in for the application: it has the link and the request.
type Application = fn(&mut Remote, &Head<'_>) -> Option<Outcome>;

struct Thread {
    reception: Arc<Reception>,
    index: usize,
    application: Application,
}

impl Service for Thread {
    fn serve(&mut self, conn: &Arc<Conn>, payload: &[u8]) -> io::Result<Option<Outcome>> {
        let (head, _) = request::parse(payload).map_err(super::conn::malformed)?;
        conn.begin();
        let record = &self.reception.board.records(SLOT)[self.index];
        let title = Title { method: b"GET", path: b"/", id: b"1" };
        record.begin(crate::runtime::clock(), conn.index, &title);
        let mut remote = Remote::new(conn.clone(), self.reception.entry(conn), record, head.body_follows);
        Ok((self.application)(&mut remote, &head))
    }

    fn ended(&mut self, outcome: Option<Outcome>) {
        self.reception.board.records(SLOT)[self.index].end(crate::runtime::clock(), outcome.is_none());
    }
}

fn complete() -> Option<Outcome> {
    Some(Outcome::of(End::Complete, 0))
}

/// Answers with the name of the script.
fn echo(remote: &mut Remote, head: &Head<'_>) -> Option<Outcome> {
    remote.started();
    remote.head(200, b"200 OK", &[]);
    remote.copy(head.script);
    complete()
}

impl Worker {
    fn new(threads: usize, application: Application) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wsgi-worker-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let path = std::env::temp_dir().join(name);
        let socket = UnixListener::bind(&path).unwrap();
        let memory = os::empty_memory(c"test", Scoreboard::size(2, records(threads as u32))).unwrap();
        let board = system::scoreboard(memory, threads as u32).unwrap();
        let reception = Arc::new(Reception {
            name: "g".into(),
            socket: socket.into(),
            listener: Listener::new().unwrap(),
            wake: os::Event::new().unwrap(),
            places: Places::default(),
            home: AtomicBool::new(false),
            board,
            place: SLOT,
            slot: &board.slots[SLOT],
            generation: GENERATION,
            token: [5; 16],
            threads: threads as u32,
            peer: std::fs::metadata("/proc/self").unwrap().uid(),
            buffers: (0, 0),
        });
        reception.open(0).unwrap();
        let thread = |index| {
            let reception = reception.clone();
            std::thread::spawn(move || {
                let mut thread = Thread { reception: reception.clone(), index, application };
                reception.work(&mut thread);
            })
        };
        Self { path, threads: (0..threads).map(thread).collect(), reception }
    }

    /// A child connects, and is greeted.
    fn connect(&self) -> Child<'_> {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut child = Child { worker: self, stream, index: u32::MAX };
        let hello = Hello::parse(&child.receive(Kind::Hello).1).unwrap();
        assert!(hello.is_understood() && hello.token == [5; 16]);
        assert_eq!((hello.slot, hello.generation), (SLOT as u32, GENERATION));
        child.index = hello.connection;
        child
    }

    /// Waits until so many threads are claimed.
    #[track_caller]
    fn await_claimed(&self, count: u32) {
        let until = Instant::now() + PATIENCE;
        while self.reception.slot.claimed() != count {
            assert!(Instant::now() < until, "{} threads are claimed", self.reception.slot.claimed());
            std::thread::yield_now();
        }
    }

    fn connections(&self) -> usize {
        self.reception.listener.conns().iter().flatten().count()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.reception.close();
        self.reception.send_threads_home();
        let ended = self.threads.drain(..).all(|thread| thread.join().is_ok());
        let _ = std::fs::remove_file(&self.path);
        if !std::thread::panicking() {
            assert!(ended, "a request thread has panicked");
            assert_eq!(self.reception.slot.claimed(), 0, "a claim was lost, or given back twice");
        }
    }
}

/// The child's end of a connection.
struct Child<'w> {
    worker: &'w Worker,
    stream: UnixStream,
    index: u32,
}

/// A REQUEST frame for a script.
fn request(script: &[u8], body_follows: bool) -> Vec<u8> {
    let mut out = Vec::new();
    Head { script, body_follows, ..Head::default() }.put(&mut out, std::iter::empty());
    out
}

impl Child<'_> {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn send_frame(&mut self, kind: Kind, flag: u8, payload: &[u8]) {
        let mut out = Vec::new();
        frame::put(&mut out, kind, flag, payload);
        self.send(&out);
    }

    /// Claims a thread for the next request, as a child does.
    fn claim(&self) {
        let reception = &self.worker.reception;
        reception.board.connections(SLOT)[self.index as usize].claimed.store(1, Ordering::SeqCst);
        assert_eq!(reception.slot.claim(GENERATION, 100), Some(true));
    }

    fn receive(&mut self, kind: Kind) -> (u8, Vec<u8>) {
        let mut bytes = [0; HEADER];
        self.stream.read_exact(&mut bytes).unwrap();
        let header = Header::parse(bytes).unwrap();
        assert_eq!(header.kind, kind);
        let mut payload = vec![0; header.len];
        self.stream.read_exact(&mut payload).unwrap();
        (header.flag, payload)
    }

    /// Receives an answer as it comes, up to its end; answers its body.
    fn answer(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut bytes = [0; HEADER];
            self.stream.read_exact(&mut bytes).unwrap();
            let header = Header::parse(bytes).unwrap();
            let mut payload = vec![0; header.len];
            self.stream.read_exact(&mut payload).unwrap();
            match header.kind {
                Kind::Data => body.extend(payload),
                Kind::Head | Kind::Flush => {}
                Kind::End => {
                    assert_eq!(frame::parse_end(&payload).map(|outcome| outcome.end), Ok(End::Complete));
                    return body;
                }
                other => panic!("{other:?} in an answer"),
            }
        }
    }

    /// The worker closes the connection, before it says anything else.
    fn expect_end(mut self) {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(rest, b""),
            // What was sent was not read.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }
}
