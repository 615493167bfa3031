//! Configurations made by chance, from the module's own table of directives. Apache checks each; those that it accepts
//! it starts with, answers requests, restarts gracefully, answers again and stops. Nothing crashes, panics or hangs, what is
//! refused is refused with a reason, and nothing is left running.
//!
//! `CONFIG_COUNT` and `CONFIG_SEED` say how many, and which (`make fuzz-config ARGS='--count 300 --seed 7'`). A failure
//! names its seed, which alone makes the same configuration again, and the smallest one found that fails too.

mod chance;
mod directives;
mod layout;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use chance::Chance;
use harness::poll::until;
use harness::{Httpd, Server, httpd, mpm, regex, venv};
use layout::{Layout, Node};

/// What a server with such a configuration may have to say at level warn or worse: each is about something that the
/// configuration asks for. What is not here is looked at before it comes in.
const REASONS: &[&str] = &[
    // Of httpd: AllowOverride where it means nothing, a file that is not there, one that a section forbids, a directive that
    // .htaccess may not hold; and what mod_macro thinks of arguments.
    "AH(0011[45]|00128|00130|01630|02304): ",
    r"\[macro:warn\] ",
    r"\.htaccess: ",
    // A script that is missing, is none, or is broken, and the end of its traceback.
    // A script that Apache asks, and that has no such function, knows no such group or cannot be asked.
    "WSGI00(43|46|50|51|52|56|58|59|60): ",
    "AH01631: ",
    "WSGI0(089|105|106|107|108|109|110|135): ",
    "WSGI1016: what to do: ",
    "(ModuleNotFoundError|FileNotFoundError|IsADirectoryError|NameError|SyntaxError): ",
    // What Python says of WSGIPythonWarnings.
    "Invalid -W option ignored: ",
    // A locale that the system does not know.
    "WSGI0079: locale=",
    // What interpreters cannot have, or not that many times.
    "WSGI(0198|0199|0200|0201|1049|1051): ",
    // Where applications may run.
    "WSGI0(134|143|149|150|151): ",
    // What cannot be meant.
    "WSGI109[4-9]: ",
    // A directory for sockets that is not there, which only the start finds.
    "WSGI0012: the socket '/no/such/directory/",
    "AH00020: Configuration Failed, exiting",
];

const SCRIPT: &str = "
    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [environ['mod_wsgi.process_group'].encode()]
    handle_request = application
    def allow_access(environ, host):
        return True
    def check_password(environ, user, password):
        return True
    def groups_for_user(environ, user):
        return ['staff']
    def application_group(environ):
        return environ.get('HTTP_X_GROUP')";

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable)
        .ok()
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

/// A server with this configuration and what it speaks of.
fn server(nodes: &[Node]) -> Httpd {
    let mut server = httpd()
        .no_group()
        .module("macro")
        .module("unique_id")
        .script("app.wsgi", SCRIPT)
        .script("a b.wsgi", SCRIPT)
        .script("htdocs/app.wsgi", SCRIPT)
        .script("htdocs/sub/app.wsgi", SCRIPT)
        .script("htdocs/index.html", "static")
        .script("broken.wsgi", "import no_such_module")
        .script("lib/shop.py", "settings = None")
        .allow_traceback();
    for (directory, text) in layout::htaccess(nodes) {
        server = server.file(&format!("{directory}/.htaccess"), text);
    }
    for reason in REASONS {
        server = server.allow_log(reason);
    }
    let site = fill(&layout::text(nodes), server.dir(), server.port());
    server.file("site.conf", site).config("Include {dir}/site.conf")
}

/// The text with the paths and the port of a server.
fn fill(text: &str, dir: &Path, port: u16) -> String {
    let values = [
        ("dir", dir.display().to_string()),
        ("venv", venv().display().to_string()),
        ("port", port.to_string()),
    ];
    harness::text::fill(text, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// Apache refuses with a reason: a line that says where and a sentence.
fn assert_reason(output: &str) {
    // httpd puts the sentence on a line of its own, below the place; the module's checks put both on one.
    let reason = regex(r"(Syntax error on line \d+ of [^\n]*:\s|WSGI\d{4}: )[^\n]*\w+ [^\n]*\w+");
    assert!(reason.is_match(output), "Apache refuses without a reason: {output}");
}

fn visit(s: &Server) {
    for (host, path) in [
        ("localhost", "/"),
        ("shop", "/a"),
        ("shop", "/a/b?x=%41"),
        ("other", "/sub/app.wsgi/info"),
        ("bare", "/app.wsgi"),
        ("shop", "/xyz"),
        ("shop", "/al"),
    ] {
        s.request("GET", path).header("Host", host).send();
    }
    for (header, value) in [
        ("Authorization", "Basic YW5uOng="),
        ("X-Forwarded-For", "192.0.2.1, nonsense, 127.0.0.1"),
        ("X-Group", "%{GLOBAL}"),
    ] {
        s.request("GET", "/a").header("Host", "shop").header(header, value).send();
        s.request("GET", "/").header(header, value).send();
    }
    s.post("/a", "body");
}

fn graceful(s: &Server) {
    let readings = || s.logged("resuming normal operations").len();
    let before = readings();
    s.graceful();
    until("the graceful restart", || (readings() > before).then_some(()));
}

/// What became of a configuration.
#[derive(PartialEq, Eq)]
enum Outcome {
    Refused,
    Served,
}

/// What Apache accepts of it: lines that it refuses are taken away, some of them.
fn accepted(mut nodes: Vec<Node>) -> Option<Vec<Node>> {
    let place = regex("(?:line ([0-9]+) of [^ ]*/site.conf:|site.conf:([0-9]+): )");
    let in_macro = regex("line ([0-9]+) of macro '[^']*' .defined on line ([0-9]+) of ");
    for _ in 0..15 {
        let test = server(&nodes).configtest();
        if test.accepted {
            return Some(nodes);
        }
        assert_reason(&test.output);
        let number = |text: &str| text.parse::<usize>().expect("a line's number");
        let line = match in_macro.captures(&test.output) {
            Some(found) => number(&found[1]) + number(&found[2]),
            None => place
                .captures(&test.output)?
                .iter()
                .skip(1)
                .flatten()
                .map(|found| number(found.as_str()))
                .next()?,
        };
        nodes = layout::without_line(&nodes, line)?;
    }
    None
}

/// Panics if anything is wrong.
fn exercise(nodes: &[Node], seed: u64) -> Outcome {
    let Some(nodes) = accepted(nodes.to_vec()) else { return Outcome::Refused };
    let nodes = &nodes;
    // What only the start finds (a socket that cannot be made) it says in the log.
    let s = match server(nodes).try_start() {
        Ok(server) => server,
        Err(log) => {
            assert_reason(&log);
            return Outcome::Refused;
        }
    };
    visit(&s);
    graceful(&s);
    visit(&s);
    let mut chance = Chance::of(seed ^ 0x5EED);
    let mut others = nodes.to_vec();
    others.truncate(chance.below(others.len() + 1));
    if chance.percent(50) && server(&others).configtest().accepted {
        // Virtual hosts and groups come and go.
        s.write_file("site.conf", &fill(&layout::text(&others), s.dir(), s.port()));
        graceful(&s);
        visit(&s);
    }
    match chance.percent(30) {
        true => s.stop(),
        false => s.terminate(),
    }
    Outcome::Served
}

fn fails(nodes: &[Node], seed: u64) -> Option<String> {
    let fault = catch_unwind(AssertUnwindSafe(|| exercise(nodes, seed))).err()?;
    let text = fault.downcast_ref::<String>().map(String::as_str);
    Some(text.or(fault.downcast_ref::<&str>().copied()).unwrap_or("?").to_owned())
}

/// What two faults of one kind have in common.
fn kind(fault: &str) -> String {
    let words = fault.lines().next().unwrap_or_default().split_whitespace();
    words.filter(|word| !word.contains(|c: char| c.is_ascii_digit() || c == '/')).collect()
}

/// The smallest configuration found in some time that fails in the same way.
fn smallest(mut nodes: Vec<Node>, seed: u64, fault: &str) -> Vec<Node> {
    let deadline = Instant::now() + Duration::from_secs(120);
    'smaller: loop {
        for less in layout::smaller(&nodes) {
            if Instant::now() > deadline {
                return nodes;
            }
            if fails(&less, seed).is_some_and(|other| kind(&other) == kind(fault)) {
                nodes = less;
                continue 'smaller;
            }
        }
        return nodes;
    }
}

fn report(nodes: Vec<Node>, seed: u64, fault: &str) -> String {
    let small = smallest(nodes, seed, fault);
    let mut text = layout::text(&small);
    for (directory, rules) in layout::htaccess(&small) {
        text += &format!(
            "# {directory}/.htaccess\n{}",
            rules.lines().map(|l| format!("#   {l}\n")).collect::<String>()
        );
    }
    let path = env::temp_dir().join(format!("mod_wsgi-config-{seed}.conf"));
    fs::write(&path, &text).expect("the smallest configuration");
    format!("seed {seed}: {fault}\nthe smallest configuration that fails is {}:\n{text}", path.display())
}

#[test]
fn random_configurations() {
    let directives = directives::documented();
    let (count, seed) = (number("CONFIG_COUNT", 20), number("CONFIG_SEED", mpm() as u64 * 1000 + 1));
    let (next, served) = (AtomicU64::new(0), AtomicUsize::new(0));
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let seed = match next.fetch_add(1, Ordering::Relaxed) {
                        n if n < count => seed + n,
                        _ => break,
                    };
                    let nodes = Layout::of(&directives, seed).configuration();
                    match catch_unwind(AssertUnwindSafe(|| exercise(&nodes, seed))) {
                        Ok(Outcome::Served) => _ = served.fetch_add(1, Ordering::Relaxed),
                        Ok(Outcome::Refused) => {}
                        Err(_) => faults.lock().unwrap().push((nodes, seed)),
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    let served = served.into_inner();
    println!("{count} configurations from seed {seed}: {served} served, {} failed", faults.len());
    let failed: Vec<u64> = faults.iter().map(|(_, seed)| *seed).collect();
    if let Some((nodes, seed)) = faults.into_iter().next() {
        let fault = fails(&nodes, seed).unwrap_or_else(|| "not seen again".into());
        panic!("seeds {failed:?} failed\n{}", report(nodes, seed, &fault));
    }
    assert!(
        count < 20 || served * 5 > count as usize,
        "only {served} of {count} configurations were accepted"
    );
}
