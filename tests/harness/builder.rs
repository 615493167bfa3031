//! What a test says about its server before it starts: files, configuration, log lines it expects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, net, process};

use crate::cell::{Mode, mode, spawns_by_fork};
use crate::config::Base;
use crate::directory::Directory;
use crate::log::Expectations;
use crate::server::Server;
use crate::subject;
use crate::text::{dedent, fill};
use crate::{Subject, module, os, poll, sanitizer};

pub const APACHE: &str = "/usr/sbin/apache2";

/// A server to be. Until `start` or `configtest` it is only a directory.
pub struct Httpd {
    pub(crate) dir: Directory,
    pub(crate) port: u16,
    pub(crate) other_port: u16,
    pub(crate) expected: Expectations,
    pub(crate) config: String,
    children: u32,
    python_home: bool,
    group: Option<Vec<String>>,
    extra_modules: Vec<String>,
    environment: Vec<(String, String)>,
    under: Vec<String>,
    unprivileged: bool,
    own: Option<Own>,
}

/// A configuration that the test has put into the server's directory as a whole.
struct Own {
    /// ServerRoot
    root: PathBuf,
    /// The file to begin with.
    file: PathBuf,
    /// The shell's variables for it.
    variables: Option<PathBuf>,
}

/// A server with its own directory and port, and nothing configured.
pub fn httpd() -> Httpd {
    let dir = Directory::fresh();
    copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("apps"), &dir.join("apps"));
    for name in ["logs", "run", "htdocs", "module", "state"] {
        fs::create_dir(dir.join(name)).expect("directory of the server");
    }
    os::give_to_www_data(&dir.join("state"));
    module::place(&dir.join("module"));
    Httpd {
        dir,
        port: free_port(),
        other_port: free_port(),
        expected: expectations(),
        config: String::new(),
        children: 1,
        python_home: true,
        group: Some(vec!["threads=5".into()]),
        extra_modules: Vec::new(),
        environment: Vec::new(),
        under: Vec::new(),
        unprivileged: false,
        own: None,
    }
}

impl Httpd {
    /// Lines for `httpd.conf`, in the order of the calls. `{dir}`, `{apps}` and `{port}` are filled in, and
    /// `{other_port}`, which nobody listens on until the test says so.
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(&dedent(&self.fill(lines)));
        self
    }

    /// A file `{dir}/name`, its indentation removed.
    pub fn script(self, name: &str, text: &str) -> Self {
        self.file(name, dedent(text))
    }

    /// A file `{dir}/name` as it is.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().expect("inside the directory")).expect("directory of a file");
        fs::write(&path, content).unwrap_or_else(|e| panic!("writing {}: {e}", path.display()));
        self
    }

    /// A directory of the repository, copied to `{dir}/name`.
    pub fn tree(self, from: &Path, name: &str) -> Self {
        copy_tree(from, &self.dir.join(name));
        self
    }

    /// The server's directory, for a test that has it filled by other programs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The same for who needs it longer than this server to be.
    pub fn directory(&self) -> Directory {
        self.dir.clone()
    }

    /// A module of Apache's own, by its short name, say `ssl`.
    pub fn module(mut self, name: &str) -> Self {
        self.extra_modules.push(name.to_owned());
        self
    }

    /// A module of the tests' own, `modules/<name>.c`, compiled and loaded.
    pub fn own_module(self, name: &str) -> Self {
        self.compile(name);
        self.config(&format!("LoadModule {name}_module module/mod_{name}.so"))
    }

    /// `modules/<name>.c` in the place of functions of the C library, in all processes of this server. There is no room for it beside
    /// the runtime of a sanitizer.
    pub fn preloaded(self, name: &str) -> Self {
        let file = self.compile(name);
        self.env("LD_PRELOAD", &file.display().to_string())
    }

    /// Compiles `modules/<name>.c`; answers where the result is.
    fn compile(&self, name: &str) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("modules/{name}.c"));
        let ask = |program: &str, words: &[&str]| {
            let output =
                Command::new(program).args(words).output().unwrap_or_else(|e| panic!("{program}: {e}"));
            String::from_utf8(output.stdout).expect("an answer in UTF-8").trim().to_owned()
        };
        let apxs = env::var("APXS").unwrap_or_else(|_| "apxs".into());
        let apr = ask(&ask(&apxs, &["-q", "APR_CONFIG"]), &["--includes", "--cppflags"]);
        let mut cc = Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()));
        let file = self.dir.join(format!("module/mod_{name}.so"));
        cc.args(["-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o"]).arg(&file).arg(source);
        cc.arg(format!("-I{}", ask(&apxs, &["-q", "INCLUDEDIR"]))).args(apr.split_whitespace());
        assert!(cc.status().expect("a C compiler").success(), "{name}.c does not compile");
        file
    }

    /// How many children Apache runs; one unless told.
    pub fn children(mut self, n: u32) -> Self {
        self.children = n;
        self
    }

    /// Leaves WSGIPythonHome to the test.
    pub fn no_python_home(mut self) -> Self {
        self.python_home = false;
        self
    }

    /// Options of the process group, should this run be about one: they stand behind `threads=5`, and the last one wins.
    pub fn group(mut self, options: &str) -> Self {
        let options = self.fill(options);
        self.group.get_or_insert_default().push(options);
        self
    }

    /// Leaves it to the test to define process groups and to choose one.
    pub fn no_group(mut self) -> Self {
        self.group = None;
        self
    }

    /// Directories to import from, separated by colons: a directive for Apache's children, an option for a group.
    pub fn python_path(self, directories: &str) -> Self {
        match mode() {
            Mode::Embedded => self.config(&format!("WSGIPythonPath {directories}")),
            Mode::Daemon => self.group(&format!("python-path={directories}")),
        }
    }

    /// Seconds after which Python's threads take turns.
    pub fn switch_interval(self, seconds: &str) -> Self {
        match mode() {
            Mode::Embedded => self.config(&format!("WSGISwitchInterval {seconds}")),
            Mode::Daemon => self.group(&format!("switch-interval={seconds}")),
        }
    }

    /// A variable in Apache's own environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Apache's command line stands behind these words, a program that executes it.
    pub fn under(mut self, words: &[&str]) -> Self {
        self.under = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Apache is started by www-data, not by root.
    pub fn unprivileged(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    /// The whole configuration is `{dir}/root/file`, with ServerRoot `{dir}/root`, and httpd has the environment of a shell
    /// that has read `variables` (Debian: envvars). Its logs are below `{dir}/logs`.
    pub fn own_configuration(mut self, root: &str, file: &str, variables: Option<&str>) -> Self {
        let root = self.dir.join(root);
        let (file, variables) = (root.join(file), variables.map(|name| root.join(name)));
        self.own = Some(Own { root, file, variables });
        self
    }

    /// Announces an error-log line: it must appear, and does not count as a failure.
    pub fn expect_log(mut self, pattern: &str) -> Self {
        self.expected.require(pattern);
        self
    }

    /// The same, for lines of one subject only.
    pub fn expect_log_of(self, of: Subject, pattern: &str) -> Self {
        if subject() == of { self.expect_log(pattern) } else { self }
    }

    /// Announces a Python traceback ending in a line that matches `pattern`.
    pub fn expect_traceback(mut self, pattern: &str) -> Self {
        self.expected.require_traceback(pattern);
        self
    }

    /// Tracebacks may appear; the lines of their exceptions are for `allow_log`.
    pub fn allow_traceback(mut self) -> Self {
        self.expected.allow_traceback();
        self
    }

    /// A process that runs Python crashes in this test; one of httpd's own still must not.
    pub fn allow_crash(mut self) -> Self {
        self.expected.crash = true;
        self
    }

    /// A line that may appear or not.
    pub fn allow_log(mut self, pattern: &str) -> Self {
        self.expected.allow(pattern);
        self
    }

    /// Starts Apache and waits until it is ready for requests and signals.
    pub fn start(self) -> Server {
        Server::start(self)
    }

    /// The port it listens on, for a test that writes files of its configuration itself.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Another one that nobody listens on.
    pub fn other_port(&self) -> u16 {
        self.other_port
    }

    /// The same, or what Apache said if it ended instead.
    pub fn try_start(self) -> Result<Server, String> {
        Server::try_start(self)
    }

    /// Asks Apache only whether it would accept the configuration.
    pub fn configtest(self) -> ConfigTest {
        self.report(&["-t"])
    }

    /// Runs Apache with these arguments, for what it reports of the configuration.
    pub fn report(self, arguments: &[&str]) -> ConfigTest {
        self.write_config();
        let path = self.dir.join("logs/report.txt");
        let file = fs::File::create(&path).expect("report");
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("report")).stderr(file);
        let mut apache = command.spawn().expect("apache2");
        let ended = poll::within(poll::PATIENCE, || apache.try_wait().expect("wait for Apache"));
        if ended.is_none() {
            let _ = apache.kill().and_then(|()| apache.wait());
        }
        let output = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
        let status = ended.unwrap_or_else(|| panic!("{arguments:?} hangs: {output}\nfor:\n{}", self.config));
        assert!(status.code().is_some(), "{arguments:?}: {status}: {output}\nfor:\n{}", self.config);
        ConfigTest { accepted: status.success(), output, config: self.config }
    }

    /// Fails unless Apache refuses the configuration with a message that contains `message`.
    pub fn expect_config_error(self, message: &str) {
        let test = self.configtest();
        assert!(!test.accepted, "accepted, though \"{message}\" was expected:\n{}", test.config);
        assert!(
            test.output.contains(message),
            "expected \"{message}\", got:\n{}\nfor:\n{}",
            test.output,
            test.config
        );
    }

    /// Fails unless Apache refuses to run, when the configuration is checked or when it starts, and says all of this.
    pub fn expect_refusal(self, words: &[&str]) {
        self.write_config();
        let mut command = self.command();
        command.arg("-DFOREGROUND").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        os::own_session(&mut command);
        let mut apache = command.spawn().expect("start of Apache");
        let ended = poll::within(poll::PATIENCE, || apache.try_wait().expect("wait for Apache"));
        if ended.is_none() {
            os::signal(apache.id(), libc::SIGTERM);
        }
        let output = apache.wait_with_output().expect("output of Apache");
        let log = fs::read(self.dir.join("logs/error.log")).unwrap_or_default();
        let text =
            [output.stdout, output.stderr, log].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        assert!(ended.is_some_and(|status| !status.success()), "started:\n{text}\nfor:\n{}", self.config);
        let said = text.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(said, "no line with all of {words:?}:\n{text}\nfor:\n{}", self.config);
    }

    /// Fails unless Apache accepts the configuration.
    pub fn expect_config_ok(self) {
        let test = self.configtest();
        assert!(test.accepted, "refused:\n{}\nfor:\n{}", test.output, test.config);
    }

    /// Puts values in the place of `{dir}`, `{apps}`, `{port}` and `{other_port}`.
    pub fn fill(&self, text: &str) -> String {
        let dir = self.dir.to_str().expect("directory name is text");
        let apps = format!("{dir}/apps");
        let (port, other) = (self.port.to_string(), self.other_port.to_string());
        fill(text, &[("dir", dir), ("apps", &apps), ("port", &port), ("other_port", &other)])
    }

    /// The file that the configuration begins with.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.own.as_ref().map_or_else(|| self.dir.join("httpd.conf"), |own| own.file.clone())
    }

    pub(crate) fn write_config(&self) {
        if self.own.is_some() {
            return;
        }
        let module = module::name();
        let group = self.group.as_ref().map(|options| options.join(" "));
        let base = Base {
            dir: self.dir.to_str().expect("directory name is text"),
            port: self.port,
            module: &format!("module/{module}"),
            children: self.children,
            python_home: self.python_home,
            group: group.as_deref(),
            extra_modules: &self.extra_modules,
            unprivileged: self.unprivileged,
        };
        fs::write(self.dir.join("httpd.conf"), spawning(base.text() + &self.config)).expect("httpd.conf");
    }

    /// Apache on this server's configuration, with an environment that holds nothing else.
    pub(crate) fn command(&self) -> Command {
        let mut command = match self.own.as_ref().and_then(|own| own.variables.as_ref()) {
            Some(variables) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", ". \"$0\" && exec \"$@\""]).arg(variables).arg(APACHE);
                shell
            }
            None => match self.under.split_first() {
                Some((program, words)) => {
                    let mut command = Command::new(program);
                    command.args(words).arg(APACHE);
                    command
                }
                None => Command::new(APACHE),
            },
        };
        if let Some(own) = &self.own {
            command.arg("-d").arg(&own.root);
        }
        command.arg("-f").arg(self.config_file()).current_dir("/").env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("MOD_WSGI_TEST", &*self.dir);
        command.envs(sanitizer::environment());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.unprivileged {
            os::as_www_data(&mut command, &self.dir);
        }
        command
    }
}

/// Whether the module under test has a directive of this name: else Apache calls it an invalid command. What of ours must
/// be there and is not fails the test.
pub fn offers(directive: &'static str) -> bool {
    static ANSWERS: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());
    let mut answers = ANSWERS.lock().unwrap_or_else(|e| e.into_inner());
    let offered = *answers.entry(directive).or_insert_with(|| {
        !httpd().config(directive).configtest().output.contains(&format!("Invalid command '{directive}'"))
    });
    if subject() == Subject::Ours {
        assert!(offered, "our module does not offer {directive}");
    }
    offered
}

/// What Apache said of a configuration.
pub struct ConfigTest {
    pub accepted: bool,
    pub output: String,
    pub config: String,
}

/// A port nobody listens on, below those the kernel gives to clients; each process starts at a place of its own.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let n = process::id() * 61 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 12000 + (n % 20000) as u16;
        if net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).expect("directory");
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy");
        }
    }
}

/// With `SPAWN=fork` processes of all groups are forked, where a test does not say how they are made.
fn spawning(config: String) -> String {
    if !spawns_by_fork() {
        return config;
    }
    let is_group = |line: &str| {
        line.trim_start().starts_with("WSGIDaemonProcess ")
            && !["spawn=", "threads=0"].iter().any(|word| line.contains(word))
    };
    let line = |line: &str| {
        let more = if is_group(line) { " spawn=fork" } else { "" };
        format!("{line}{more}\n")
    };
    config.lines().map(line).collect()
}

/// What may be in the log of every test.
fn expectations() -> Expectations {
    let mut expected = Expectations::default();
    if spawns_by_fork() {
        // Applications of most tests are in interpreters of their own.
        expected.allow(
            r"WSGI1110: processes of group '[^']*' are executed, not forked \(spawn=fork\): there are",
        );
    }
    expected
}
