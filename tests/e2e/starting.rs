//! What the tests about the start of applications share: scripts that note what happens to them, and readers of these
//! notes, of error pages and of log lines.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::*;

/// Notes, which are single lines of `word time pid text`, and files that a script waits for; below `HERE`.
const NOTES: &str = "
    def note(word, *words):
        line = ' '.join(map(str, [word, time.time(), os.getpid(), *words])) + '\\n'
        with open(HERE + '/state/notes', 'a') as file:
            file.write(line)

    def exists(name):
        return os.path.exists(HERE + '/' + name)

    def wait_for(name):
        while not exists(name):
            time.sleep(0.01)
    ";

/// With `SPAWN=fork` a process has loaded what its template has.
const NOTES_OF_FORKS: &str = "
    note_once = note

    def note(word, *words):
        note_once(word, *words)
        if word == 'load':
            os.register_at_fork(after_in_child=lambda: note_once(word, *words))
    ";

/// [`NOTES`] as a script has them in this run.
pub fn notes_source() -> String {
    let more = if spawns_by_fork() { text::dedent(NOTES_OF_FORKS) } else { String::new() };
    text::dedent(NOTES) + &more
}

/// What every script of these tests begins with, beside [`NOTES`].
const PRELUDE: &str = "
    import mod_wsgi, os, sys, threading, time

    HERE = os.environ['MOD_WSGI_TEST']
    GROUP = mod_wsgi.application_group or 'main'

    def answer(start_response, text='ok'):
        start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Pid', str(os.getpid())), ('X-Group', GROUP)])
        return [text.encode()]
    ";

/// An application that answers as it is.
const PLAIN: &str = "
    def application(environ, start_response):
        return answer(start_response)
    ";

/// A script: the helpers above, what it does itself, and a plain application unless it defines one.
pub fn script(body: &str) -> String {
    let body = text::dedent(body);
    let plain = if body.contains("application") { String::new() } else { text::dedent(PLAIN) };
    text::dedent(PRELUDE) + &notes_source() + &body + &plain
}

/// A line that a script wrote.
#[derive(Clone, Debug)]
pub struct Note {
    /// Seconds since the epoch.
    pub at: f64,
    pub pid: u32,
    pub text: String,
}

/// The notes of one word, in the order in which they were written.
pub fn notes(s: &Server, word: &str) -> Vec<Note> {
    let note = |line: &str| {
        let (at, rest) = line.strip_prefix(word)?.strip_prefix(' ')?.split_once(' ')?;
        let (pid, text) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Note { at: at.parse().ok()?, pid: pid.parse().ok()?, text: text.to_owned() })
    };
    // The last line may be half written.
    let text = s.read_file("state/notes");
    let notes = text.split_inclusive('\n').filter_map(|l| note(l.strip_suffix('\n')?));
    let templates = if spawns_by_fork() { s.templates() } else { Vec::new() };
    notes.filter(|note| !templates.contains(&note.pid)).collect()
}

/// Waits for so many notes of a word.
#[track_caller]
pub fn noted(s: &Server, word: &str, times: usize) -> Vec<Note> {
    poll::until(&format!("{times} notes of '{word}'"), || Some(notes(s, word)).filter(|n| n.len() >= times))
}

pub fn texts(notes: &[Note]) -> Vec<&str> {
    notes.iter().map(|n| n.text.as_str()).collect()
}

pub fn pids(notes: &[Note]) -> Vec<u32> {
    let mut pids: Vec<u32> = notes.iter().map(|n| n.pid).collect();
    pids.sort();
    pids.dedup();
    pids
}

/// The present, as scripts note it.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Sends so many requests at the same moment, on connections kept open: in prefork each goes to a child of its own.
pub fn at_once(s: &Server, targets: &[&str]) -> Vec<Response> {
    let keep = |target: &&str| s.request("GET", target).header("Connection", "keep-alive").bytes();
    let open = |target: &&str| s.raw(&keep(target));
    let mut connections: Vec<Connection> = targets.iter().map(open).collect();
    connections.iter_mut().map(Connection::response).collect()
}

/// A log line's parts that a pattern captures, for every line that matches.
pub fn captured(s: &Server, pattern: &str) -> Vec<Vec<String>> {
    let regex = regex_lite::Regex::new(pattern).expect("pattern");
    let parts = |line: &String| {
        let captures = regex.captures(line)?;
        Some(captures.iter().skip(1).flatten().map(|m| m.as_str().to_owned()).collect())
    };
    s.error_log().iter().filter_map(parts).collect()
}

/// The ids in the full entries of failed starts, one for each attempt.
pub fn ids(s: &Server) -> Vec<String> {
    captured(s, r"WSGI0(?:10[5-9]|110): .*\(id ([0-9a-f]{8}), attempt \d+").concat()
}

/// What visitors of an application get that cannot be started: for how many seconds.
#[track_caller]
pub fn assert_unavailable(r: &Response) -> u32 {
    assert_eq!(r.status, 503, "{}", r.text());
    let seconds = r.header("Retry-After").expect("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "Retry-After: {seconds}");
    let kind = r.header("Content-Type").unwrap_or_default();
    assert!(kind.starts_with("text/html") || kind.starts_with("text/plain"), "{:?}", r.headers);
    seconds
}

/// The stacks and explanations of a report, which may say anything: a test looks for what it wants in the whole log.
/// What begins with a number of ours is no part of it.
pub fn allow_report(httpd: Httpd) -> Httpd {
    httpd
        .allow_traceback()
        .allow_log("WSGI1017: the stacks of all threads")
        .allow_log(r"wsgi:(error|warn|notice)\] \[pid [^]]*\] (\[[^]]*\] )?(?:[^W\[]|W[^S])")
}

/// Waits for an answer of status 200 for no longer than that.
#[track_caller]
pub fn heals(s: &Server, target: &str, limit: Duration) -> Response {
    poll::within(limit, || Some(s.get(target)).filter(|r| r.status == 200))
        .unwrap_or_else(|| panic!("{target} has not healed within {limit:?}"))
}
