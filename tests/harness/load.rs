//! Clients that keep their connections open and ask again and again while a test does something to the server, and what
//! became of their requests.
//!
//! A request is lost when nobody answers it, when the answer is not 200, or when it is not whole. A connection that the
//! server closes between two requests is no loss: like every HTTP client, ours sends the request once more on a new one,
//! provided that nothing of an answer had come. It is one, however, when the application had begun with that request. The
//! client cannot know, so the application notes the words of the requests that it gets in `{dir}/state/seen`, and a word
//! that stands there twice is a lost answer.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::machine;
use crate::poll::{PATIENCE, pause, until};
use crate::response::Response;
use crate::server::Server;

/// What a client leaves the machine between two requests, so that it is not busy with the clients alone.
const BREATH: Duration = Duration::from_millis(2);

/// What became of one request. Times count from the beginning of the load.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub client: usize,
    /// What tells this request from all others.
    pub word: String,
    /// It went out a second time, since the connection was closed before anything of an answer.
    pub again: bool,
    pub began: Duration,
    pub took: Duration,
    /// Of that, what the machine did not give.
    pub lost: Duration,
    /// 0: there was no answer.
    pub status: u16,
    pub body: String,
    /// Why it counts as lost.
    pub fault: Option<String>,
    /// The connection ended before the answer did.
    pub broken: bool,
}

impl Answer {
    pub fn ended(&self) -> Duration {
        self.began + self.took
    }

    fn given(&self) -> Duration {
        self.took - self.lost
    }
}

#[derive(Default)]
struct Record {
    answers: Vec<Answer>,
    /// The last answer of each client.
    latest: Vec<Option<Answer>>,
    marks: Vec<(Duration, String)>,
}

/// Clients at work. They stop when this goes out of scope.
pub struct Load {
    begun: Instant,
    stop: Arc<AtomicBool>,
    record: Arc<Mutex<Record>>,
    clients: Vec<JoinHandle<()>>,
    /// The words that the application has seen, a line each. It need not write them.
    seen: PathBuf,
}

impl Server {
    /// So many clients that ask for a target until they are told to stop. A target that ends in `?` gets a word of its
    /// own with every request, and the answer must end in that word: nobody gets what another one asked for.
    pub fn load(&self, clients: usize, target: &str) -> Load {
        let (begun, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let record = Arc::new(Mutex::new(Record { latest: vec![None; clients], ..Record::default() }));
        static LOADS: AtomicUsize = AtomicUsize::new(0);
        let load = LOADS.fetch_add(1, Ordering::Relaxed);
        let client = |number| {
            let (port, target) = (self.port(), target.to_owned());
            let client = Client { load, number, port, target, begun, connection: None, again: false };
            let (stop, record) = (stop.clone(), record.clone());
            std::thread::spawn(move || client.run(&stop, &record))
        };
        let clients = (0..clients).map(client).collect();
        let seen = self.dir().join("state/seen");
        let load = Load { begun, stop, record, clients, seen };
        load.settled("a first answer for every client", |_| true);
        load
    }
}

impl Load {
    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Notes what the test does, for the report of a failure.
    pub fn mark(&self, what: &str) -> Duration {
        let now = self.now();
        self.record.lock().unwrap().marks.push((now, what.to_owned()));
        now
    }

    /// Waits until the last answer of every client is such a one, and was asked for after this call.
    #[track_caller]
    pub fn settled(&self, what: &str, is_so: impl Fn(&Answer) -> bool) {
        let since = self.now();
        until(what, || {
            let record = self.record.lock().unwrap();
            let fits = |a: &Option<Answer>| a.as_ref().is_some_and(|a| a.began >= since && is_so(a));
            record.latest.iter().all(fits).then_some(())
        });
        self.mark(what);
    }

    /// What came so far.
    pub fn so_far(&self) -> Vec<Answer> {
        self.record.lock().unwrap().answers.clone()
    }

    /// The last answers of the clients.
    pub fn latest(&self) -> Vec<Answer> {
        self.record.lock().unwrap().latest.iter().flatten().cloned().collect()
    }

    /// Waits until every client has had so many more answers.
    #[track_caller]
    pub fn goes_on(&self, times: usize) {
        for _ in 0..times {
            self.settled("another answer for every client", |_| true);
        }
    }

    /// Lets the clients finish what they are at.
    pub fn stop(mut self) -> Summary {
        self.end();
        let record = std::mem::take(&mut *self.record.lock().unwrap());
        let mut summary = Summary { answers: record.answers, marks: record.marks };
        summary.compare(&fs::read_to_string(&self.seen).unwrap_or_default());
        summary
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

/// All that came of a load.
pub struct Summary {
    pub answers: Vec<Answer>,
    marks: Vec<(Duration, String)>,
}

impl Summary {
    pub fn count(&self) -> usize {
        self.answers.len()
    }

    pub fn lost(&self) -> Vec<&Answer> {
        self.answers.iter().filter(|a| a.fault.is_some()).collect()
    }

    /// The longest time of an answer, without what the machine did not give.
    pub fn slowest(&self) -> Duration {
        self.answers.iter().map(Answer::given).max().unwrap_or_default()
    }

    /// Requests that were sent a second time.
    pub fn again(&self) -> usize {
        self.answers.iter().filter(|a| a.again).count()
    }

    /// A request that the application saw more than once had an answer that nobody got.
    fn compare(&mut self, seen: &str) {
        let mut times = BTreeMap::new();
        seen.lines().for_each(|word| *times.entry(word).or_insert(0) += 1);
        for answer in &mut self.answers {
            match times.get(&*answer.word) {
                Some(times @ 2..) if answer.fault.is_none() => {
                    let sent = if answer.again { "twice" } else { "once" };
                    answer.fault = Some(format!("sent {sent}, and the application saw it {times} times"));
                }
                _ => {}
            }
        }
    }

    #[track_caller]
    pub fn assert_none_lost(&self) {
        assert!(self.lost().is_empty(), "{self}");
    }
}

/// The figures, what the test did when, and the requests that were lost or slow.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.lost();
        writeln!(
            f,
            "{} requests, {} sent again, {} lost, slowest {:?}",
            self.count(),
            self.again(),
            lost.len(),
            self.slowest()
        )?;
        for (at, what) in &self.marks {
            writeln!(f, "  {:8.3} s  {what}", at.as_secs_f64())?;
        }
        let line = |f: &mut fmt::Formatter<'_>, a: &Answer| {
            let body: String = a.body.chars().take(60).collect();
            writeln!(
                f,
                "  {:8.3} s  client {} took {:.3} s and {:.3} s lost: {} {body:?} {}",
                a.began.as_secs_f64(),
                a.client,
                a.given().as_secs_f64(),
                a.lost.as_secs_f64(),
                a.status,
                a.fault.as_deref().unwrap_or("")
            )
        };
        writeln!(f, "lost:")?;
        lost.iter().take(12).try_for_each(|a| line(f, a))?;
        let mut slow: Vec<&Answer> = self.answers.iter().collect();
        slow.sort_by_key(|a| std::cmp::Reverse(a.given()));
        writeln!(f, "slowest:")?;
        slow.iter().take(6).try_for_each(|a| line(f, a))
    }
}

struct Client {
    load: usize,
    number: usize,
    port: u16,
    target: String,
    begun: Instant,
    connection: Option<BufReader<TcpStream>>,
    /// The request had to be sent a second time.
    again: bool,
}

impl Client {
    fn run(mut self, stop: &AtomicBool, record: &Mutex<Record>) {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            let answer = self.ask(number);
            let mut record = record.lock().unwrap();
            record.latest[self.number] = Some(answer.clone());
            record.answers.push(answer);
            drop(record);
            pause(BREATH);
        }
    }

    fn ask(&mut self, number: usize) -> Answer {
        let (now, began) = (Instant::now(), self.begun.elapsed());
        let word = format!("{}.{}.{number}", self.load, self.number);
        let target =
            if self.target.ends_with('?') { self.target.clone() + &word } else { self.target.clone() };
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", self.port);
        self.again = false;
        let outcome = self.exchange(request.as_bytes());
        let lost = machine::lost_since(now);
        let took = self.begun.elapsed() - began;
        let (client, word, again) = (self.number, word, self.again);
        let answer = Answer { client, word, again, began, took, lost: lost.min(took), ..Answer::default() };
        let r = match outcome {
            Ok(r) => r,
            Err(Broken { begun, why }) => return Answer { fault: Some(why), broken: begun, ..answer },
        };
        let body = r.text();
        let word = &answer.word;
        let fault = if r.status != 200 {
            Some(format!("status {}", r.status))
        } else if !r.complete {
            Some(format!("cut after {} bytes", r.body.len()))
        } else if self.target.ends_with('?') && !body.ends_with(&format!(" {word}")) {
            Some(format!("somebody else's answer, {word} was asked for"))
        } else {
            None
        };
        Answer { status: r.status, body, fault, broken: !r.complete, ..answer }
    }

    /// Sends a request on the connection that is open, or else on a new one.
    fn exchange(&mut self, request: &[u8]) -> Result<Response, Broken> {
        if let Some(connection) = self.connection.take() {
            match self.on(connection, request) {
                Err(Broken { begun: false, .. }) => self.again = true,
                outcome => return outcome,
            }
        }
        let open = TcpStream::connect(("127.0.0.1", self.port)).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            Ok(BufReader::new(stream))
        });
        let connection = open.map_err(|e| Broken { begun: false, why: format!("no connection: {e}") })?;
        // A connection that was made and brought nothing was broken: the server had taken it, or would have.
        self.on(connection, request).map_err(|e| Broken { begun: true, ..e })
    }

    fn on(&mut self, mut connection: BufReader<TcpStream>, request: &[u8]) -> Result<Response, Broken> {
        let written = connection.get_mut().write_all(request);
        let first = written.and_then(|()| connection.fill_buf().map(<[u8]>::len));
        match first {
            Ok(0) => return Err(Broken { begun: false, why: "closed without an answer".into() }),
            // It was heard, and may be at work: to ask again would be to ask twice.
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return Err(Broken { begun: true, why: format!("no answer in time: {e}") });
            }
            Err(e) => return Err(Broken { begun: false, why: format!("no answer: {e}") }),
            Ok(_) => {}
        }
        let response = Response::read(&mut connection, false)
            .map_err(|e| Broken { begun: true, why: format!("broken answer: {e}") })?;
        let closes = response.header("Connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
        let bounded = response.chunked || response.header("Content-Length").is_some();
        if response.complete && bounded && !closes {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

/// Why there is no answer, and whether one had begun.
struct Broken {
    begun: bool,
    why: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn client(listener: &TcpListener) -> Client {
        Client {
            load: 0,
            number: 0,
            port: listener.local_addr().unwrap().port(),
            target: "/?".into(),
            begun: Instant::now(),
            connection: None,
            again: false,
        }
    }

    /// Serves one connection for each list, with an answer for each request.
    fn serve(listener: &TcpListener, connections: &[&[&str]]) {
        for answers in connections {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            for answer in *answers {
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                }
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        }
    }

    /// The requests of a client, and what became of them.
    fn run(connections: &[&[&str]], requests: usize) -> Summary {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = client(&listener);
        let answers = std::thread::scope(|scope| {
            scope.spawn(|| serve(&listener, connections));
            (1..=requests).map(|n| client.ask(n)).collect()
        });
        Summary { answers, marks: Vec::new() }
    }

    fn faults(connections: &[&[&str]], requests: usize) -> Vec<bool> {
        run(connections, requests).answers.iter().map(|a| a.fault.is_some()).collect()
    }

    const FIRST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nx 0.0.1";
    const SECOND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nx 0.0.2";

    /// The second request is read on the first connection, which is closed then, and answered on the second one.
    #[test]
    fn an_answer_that_got_lost_between_the_application_and_the_client() {
        let sent_again = || run(&[&[FIRST, ""], &[SECOND]], 2);
        let lost = |seen: &str| {
            let mut summary = sent_again();
            assert_eq!(summary.again(), 1);
            summary.compare(seen);
            summary.lost().len()
        };
        assert_eq!(lost(""), 0, "an application that writes nothing");
        assert_eq!(lost("0.0.1\n0.0.2\n"), 0, "the server had not begun with it");
        assert_eq!(lost("0.0.1\n0.0.2\n0.0.2\n"), 1, "it had");
        assert_eq!(lost("0.0.1\n0.0.1\n0.0.2\n"), 1, "the server itself asked twice");
    }

    #[test]
    fn closed_between_requests_is_no_loss() {
        assert_eq!(faults(&[&[FIRST], &[SECOND]], 2), [false, false]);
        assert_eq!(faults(&[&[FIRST, SECOND]], 2), [false, false]);
    }

    #[test]
    fn whatever_is_not_whole_is_lost() {
        assert_eq!(faults(&[&[""]], 1), [true], "nothing on a new connection");
        assert_eq!(faults(&[&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx 0.0.1"]], 1), [true], "cut");
        assert_eq!(faults(&[&["HTTP/1.1 2"]], 1), [true], "cut head");
        assert_eq!(faults(&[&[FIRST, "HTTP/1.1 2"]], 2), [false, true], "cut head, second request");
        assert_eq!(faults(&[&[SECOND]], 1), [true], "somebody else's");
        assert_eq!(faults(&[&["HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n"]], 1), [true]);
    }
}
