//! Scripts in files, requests for them, and what came of these.

use super::link::{Double, Head, Part, Plan, Record, Seen};
use super::python;
use crate::runtime;
use crate::startup::Script;
use crate::wsgi::{self, Facts, Pages};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use wire::Stamp;
use wire::abi::{End, Outcome, ReadError};
use wire::plan::StartPlan;

/// A script file and the interpreter it runs in. Where it is dropped, the thread's states are deleted.
pub struct Site {
    path: PathBuf,
    group: String,
}

/// The directory of all scripts, which is there while any of them is; the lock is held to make and remove it. Its place
/// is asked for before Python runs, which changes the environment.
static DIRECTORY: LazyLock<Mutex<PathBuf>> = LazyLock::new(|| {
    Mutex::new(std::env::temp_dir().join(format!("mod_wsgi-engine-tests-{}", std::process::id())))
});

fn directory() -> MutexGuard<'static, PathBuf> {
    os::lock(&DIRECTORY)
}

/// The lines of `source` without the indentation that all of them have.
fn dedent(source: &str) -> String {
    let width = |line: &str| line.len() - line.trim_start().len();
    let common = source.lines().filter(|line| !line.trim().is_empty()).map(width).min().unwrap_or(0);
    source.lines().map(|line| line.get(common..).unwrap_or_default().to_owned() + "\n").collect()
}

impl Site {
    /// A script in the main interpreter.
    pub fn new(source: &str) -> Self {
        Self::in_group("", source)
    }

    /// A script in an interpreter.
    pub fn in_group(group: &str, source: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let path = directory().join(format!("script-{}.wsgi", COUNT.fetch_add(1, Ordering::Relaxed)));
        python::start();
        let site = Self { path, group: group.to_owned() };
        site.write(source);
        site
    }

    /// A script whose application is this, with the start of the answer already made.
    pub fn app(code: &str) -> Self {
        Self::new(&Self::app_source(code))
    }

    /// The source of such a script.
    pub fn app_source(code: &str) -> String {
        let code: String = dedent(code).lines().map(|line| format!("    {line}\n")).collect();
        format!("def application(environ, start_response):\n    write = start_response('200 OK', [])\n{code}")
    }

    /// Writes other source into the script's file.
    pub fn write(&self, source: &str) {
        let directory = directory();
        std::fs::create_dir_all(&*directory).expect("the temporary directory can be written to");
        std::fs::write(&self.path, dedent(source)).expect("the script can be written");
    }

    /// The script's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A request for it.
    pub fn ask(&self) -> Ask<'_> {
        let text = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let environ = vec![
            text("REQUEST_METHOD", "GET"),
            text("SCRIPT_NAME", ""),
            text("PATH_INFO", "/"),
            text("QUERY_STRING", ""),
        ];
        Ask {
            site: self,
            environ,
            length: None,
            head_only: false,
            https: false,
            reload: false,
            callable: "application",
            plan: Plan::default(),
        }
    }

    /// A plain request, served.
    pub fn get(&self) -> Answer {
        self.ask().send()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        runtime::thread_exit();
        let _ = std::fs::remove_file(&self.path);
        // Succeeds when the last of the scripts is gone.
        let _ = std::fs::remove_dir(&*directory());
    }
}

/// A request to be made.
pub struct Ask<'a> {
    site: &'a Site,
    environ: Vec<(Vec<u8>, Vec<u8>)>,
    length: Option<u64>,
    head_only: bool,
    https: bool,
    reload: bool,
    callable: &'static str,
    plan: Plan,
}

impl Ask<'_> {
    /// Adds an entry of the environ.
    pub fn set(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.environ.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// The body in the pieces in which it comes, its length declared.
    pub fn body(mut self, chunks: &[&[u8]]) -> Self {
        self.length = Some(chunks.iter().map(|chunk| chunk.len() as u64).sum());
        self.chunked(chunks)
    }

    /// The body in the pieces in which it comes, its length not declared.
    pub fn chunked(mut self, chunks: &[&[u8]]) -> Self {
        self.plan.body.extend(chunks.iter().map(|chunk| Ok(chunk.to_vec())));
        self
    }

    /// Another length than the body's.
    pub fn declared(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// After that body, reading fails.
    pub fn broken(mut self, error: ReadError) -> Self {
        self.plan.body.push_back(Err(error));
        self
    }

    /// The client gets no body.
    pub fn head_only(mut self) -> Self {
        self.head_only = true;
        self
    }

    /// `https`
    pub fn https(mut self) -> Self {
        self.https = true;
        self
    }

    /// The script is loaded again when it has changed.
    pub fn reloading(mut self) -> Self {
        self.reload = true;
        self
    }

    /// The callable's name.
    pub fn callable(mut self, name: &'static str) -> Self {
        self.callable = name;
        self
    }

    /// Changes the link's behaviour.
    pub fn plan(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        self
    }

    /// Serves it on this thread.
    pub fn send(self) -> Answer {
        let (answer, outcome) = self.send_caught();
        let outcome = outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Answer { outcome, ..answer }
    }

    /// As [`Ask::send`], where serving may panic: that is answered too. The door catches such panics.
    pub fn send_caught(self) -> (Answer, std::thread::Result<Outcome>) {
        let path = self.site.path.as_os_str().as_encoded_bytes();
        let stamp = std::fs::metadata(&self.site.path).map_or(Stamp::UNKNOWN, |data| (&data).into());
        let script = Script {
            path,
            resource: path,
            group: self.site.group.as_bytes(),
            named_by_client: false,
            callable: self.callable.as_bytes(),
            stamp,
            reload: self.reload,
        };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let request = wsgi::Request {
            script,
            environ: self.environ.iter().map(|(name, value)| (&name[..], &value[..])),
            length: self.length,
            head_only: self.head_only,
            facts: Facts {
                https: self.https,
                received: 1_700_000_000.5,
                warm_up: false,
                queued: 0.0,
                taken: 0.0,
                request_rec: None,
            },
            plan: &StartPlan::default,
            pages: Pages::default(),
            turnstile: None,
        };
        let (link, log) = (Double::new(self.plan, &seen), Box::new(Record(seen.clone())));
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wsgi::serve(request, link, log)));
        let seen = std::mem::take(&mut *os::lock(&seen));
        let Seen { head, parts, flushes, reads, lines } = seen;
        let none = Outcome::of(End::Truncated, 0);
        (Answer { outcome: none, head, parts, flushes, reads, lines }, outcome)
    }
}

/// What came of a request.
pub struct Answer {
    /// What [`wsgi::serve`] answered
    pub outcome: Outcome,
    /// See [`Seen`], as for what follows.
    pub head: Option<Head>,
    /// The body
    pub parts: Vec<Part>,
    /// Parts before each flush
    pub flushes: Vec<usize>,
    /// Sizes of reads
    pub reads: Vec<usize>,
    /// The request's log
    pub lines: Vec<String>,
}

impl Answer {
    /// The whole body.
    pub fn body(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| part.bytes().to_vec()).collect()
    }

    /// The request's log as one text.
    pub fn log(&self) -> String {
        self.lines.join("\n")
    }

    /// The body as text, of a request that went well.
    #[track_caller]
    pub fn ok(&self) -> String {
        assert_eq!(self.outcome, Outcome::of(End::Complete, 0), "{}", self.log());
        wire::shown(&self.body()).into_owned()
    }

    /// The log of a request that failed before anything was sent.
    #[track_caller]
    pub fn error(&self, status: i32) -> String {
        assert_eq!((self.outcome.end, self.outcome.status), (End::Error, status), "{}", self.log());
        assert_eq!((&self.head, self.parts.len()), (&None, 0), "nothing went out");
        self.log()
    }

    /// The log of a request that failed after its headers had gone.
    #[track_caller]
    pub fn truncated(&self) -> String {
        assert_eq!(self.outcome, Outcome::of(End::Truncated, 0), "{}", self.log());
        assert!(self.head.is_some(), "headers went out");
        self.log()
    }
}

/// Runs `work` on so many threads at once, each with its number, and deletes their states of Python at their ends.
pub fn on_threads(count: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    std::thread::scope(|scope| {
        for number in 0..count {
            scope.spawn(move || {
                work(number);
                runtime::thread_exit();
            });
        }
    });
}
