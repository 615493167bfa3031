//! The command `mod-wsgi`, as somebody types it: what it serves, what it says, how it ends.

mod command_lines;
mod doctor;
mod faults;
mod live;
mod old;
mod serve;
mod setup;
mod sockets;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use harness::poll::{until, within};
use harness::*;

/// An application that says what it sees.
pub const HELLO: &str = "
    import os, sys, time
    def application(environ, start_response):
        if environ['PATH_INFO'] == '/slow':
            open(os.path.join(os.path.dirname(__file__), 'state', 'begun'), 'w').close()
            time.sleep(2)
        keys = ['SCRIPT_NAME', 'PATH_INFO', 'wsgi.multiprocess', 'wsgi.multithread', 'SETTING', 'mod_wsgi.process_group']
        body = ' '.join('%s' % environ.get(key) for key in keys) + ' uid=%d cwd=%s' % (os.getuid(), os.getcwd())
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [body.encode()]";

/// The command, beside the module under test.
pub fn command() -> Command {
    let directory =
        std::env::var_os("MOD_WSGI_DIR").map_or_else(|| repository().join("target/module"), PathBuf::from);
    let mut command = Command::new(directory.join("mod-wsgi"));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("VIRTUAL_ENV", venv())
        .stdin(Stdio::null());
    command
}

/// What the command says to these words.
#[track_caller]
pub fn say(words: &[&str]) -> (Option<i32>, String, String) {
    answer(command().args(words))
}

#[track_caller]
pub fn answer(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("mod-wsgi runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// A running `mod-wsgi serve`, in the directory of a test.
pub struct Served {
    pub port: u16,
    pub dir: Directory,
    /// What lines about an application have in them that fails as it is meant to.
    pub expected: Vec<&'static str>,
    child: Child,
    ended: bool,
}

impl Served {
    /// Runs the command with these words, in which `{dir}`, `{port}` and `{other_port}` are filled in, as the user of this test.
    #[track_caller]
    pub fn start(h: Httpd, line: &str) -> Self {
        Self::run(h, line, command())
    }

    #[track_caller]
    pub fn run(h: Httpd, line: &str, mut command: Command) -> Self {
        let (dir, port) = (h.directory(), h.port());
        let words = h.fill(line);
        let log = File::create(dir.join("logs/command.log")).expect("log of the command");
        command.args(words.split_whitespace()).current_dir(&dir);
        command.stdout(log.try_clone().expect("log")).stderr(log);
        own_session(&mut command);
        let child = command.spawn().expect("mod-wsgi runs");
        let mut served = Self { port, dir, expected: Vec::new(), child, ended: false };
        until("the first answer", || {
            let ended = served.child.try_wait().expect("wait");
            assert!(ended.is_none(), "mod-wsgi has ended ({ended:?}):\n{}", served.log());
            ask(port, "localhost", "/first")
        });
        served
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("logs/command.log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status and body of an answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        self.get_as("localhost", path)
    }

    #[track_caller]
    pub fn get_as(&self, host: &str, path: &str) -> (u16, String) {
        ask(self.port, host, path).unwrap_or_else(|| panic!("no answer to {path}:\n{}", self.log()))
    }

    /// Tells it to end with a signal, and answers how it has.
    #[track_caller]
    pub fn end(&mut self, signal: i32) -> ExitStatus {
        harness::signal(self.child.id(), signal);
        let status = within(Duration::from_secs(60), || self.child.try_wait().expect("wait"));
        self.ended = true;
        status.unwrap_or_else(|| panic!("mod-wsgi does not end:\n{}", self.log()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.ended {
            self.end(libc::SIGINT);
        }
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.dir.display(), self.log());
            return;
        }
        let log = self.log();
        // A certificate that signs itself, a mod_ssl that was built for another OpenSSL than the machine has, and a child that is
        // told to end while it closes a connection.
        let is_bad = |line: &&str| {
            let complains = [":warn]", ":error]", ":crit]", ":alert]", ":emerg]"]
                .iter()
                .any(|level| line.contains(level));
            let known = ["AH01906", "AH01882", "AH03092"];
            complains && !known.iter().chain(&self.expected).any(|known| line.contains(known))
        };
        let bad = log.lines().find(is_bad);
        assert!(bad.is_none(), "the log has a complaint:\n{log}");
        let left = processes()
            .into_iter()
            .find(|p| p.command.contains(self.dir.to_str().unwrap()) && p.state != 'Z');
        assert!(left.is_none(), "{left:?} is left");
    }
}

/// A request on a connection of its own.
pub fn ask(port: u16, host: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split_whitespace().nth(1)?.parse().ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    Some((status, body))
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        text += &rest[..size];
        body = &rest[size + 2..];
    }
    text
}

/// A directory with the application, and one that it may write to.
pub fn site() -> Httpd {
    httpd().script("shop.wsgi", HELLO)
}
