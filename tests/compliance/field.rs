//! Configurations of real sites, as they are: those of `../field`, or of the directory that `FIELD` names. What stands in
//! such a file is in `../field/README.md`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{env, fs, panic, thread};

use harness::{Httpd, Subject, embedded_only, httpd, is_root, repository, skip_if, subject, venv};

/// Of Apache's own modules, those that the configurations want beside those of every test.
const MODULES: &[&str] = &["access_compat", "autoindex", "negotiation", "proxy", "proxy_http"];

/// A configuration and what is known of it.
struct Field {
    path: PathBuf,
    text: String,
}

impl Field {
    /// What stands behind `#@ key:`, line by line.
    fn notes<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let note = move |line: &'a str| line.strip_prefix("#@ ")?.strip_prefix(key)?.strip_prefix(':');
        self.text.lines().filter_map(note).map(str::trim)
    }

    /// What the subject answers: what people wish, if that is another thing, is for our module.
    fn expected(&self) -> &str {
        let wish = self.notes("wish").next().filter(|_| subject() == Subject::Ours);
        wish.or_else(|| self.notes("get").next()).unwrap_or_else(|| panic!("no '#@ get:' in {:?}", self.path))
    }

    fn server(&self) -> Httpd {
        let mut server = httpd().no_group().no_python_home();
        let (port, second) = (server.port(), server.other_port());
        let packages = fs::read_dir(venv().join("lib")).expect("lib of the environment");
        let packages =
            packages.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with("python"));
        let packages = packages.expect("a python's library").path().join("site-packages");
        server = server.tree(&repository().join("tests/field/site"), "site");
        if let Ok(rules) = fs::read(self.path.with_extension("htaccess")) {
            let root = if self.text.contains("${SITE}/docroot") { "site/docroot" } else { "site" };
            server = server.file(&format!("{root}/.htaccess"), &rules);
        }
        for module in MODULES {
            server = server.module(module);
        }
        // Which locales there are is a matter of the machine; a wrong password is the test's own.
        server =
            server.allow_log("WSGI0079: .*locale").allow_log("AH01617: user bob: authentication failure");
        if self.text.contains("ErrorLogFormat") {
            // A format of its own need not show levels, so nothing of level info is written.
            server = server.config("LogLevel notice");
        }
        if subject() == Subject::Ours {
            for pattern in self.notes("log") {
                server = server.expect_log(pattern);
            }
        }
        server
            .config(&format!(
                "
                Define SITE {{dir}}/site
                Define VENV {}
                Define SITEPKG {}
                Define USR www-data
                Define GRP www-data
                Define PORT {port}
                Define PORT2 {second}
                Listen 127.0.0.1:{second}
                ",
                venv().display(),
                packages.display()
            ))
            .config(&self.text)
    }

    fn run(&self) {
        let expected = self.expected();
        if expected == "config-error" {
            // Each says which line is at fault; httpd adds file and line.
            return self.server().expect_config_error("httpd.conf:");
        }
        let server = self.server();
        let second = self.text.contains("${PORT2}").then_some(server.other_port());
        let server = server.start();
        for (target, status) in expected.split(';').filter_map(|part| part.trim().rsplit_once(' ')) {
            let (user, path) =
                target.split_once('@').map_or((None, target), |(user, path)| (Some(user), path));
            for port in [Some(server.port()), second].into_iter().flatten() {
                let mut request = server.request("GET", path).through(port);
                if let Some(user) = user {
                    request = request.header("Authorization", &format!("Basic {}", base64(user)));
                }
                let answer = request.send();
                assert_eq!(answer.status.to_string(), status, "{path} on port {port}: {}", answer.text());
            }
        }
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let number = (0..3).fold(0u32, |sum, at| sum << 8 | u32::from(*bytes.get(at).unwrap_or(&0)));
        let digit = |at: usize| match at <= bytes.len() {
            true => char::from(DIGITS[(number >> (18 - 6 * at) & 63) as usize]),
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

fn fields(directory: &Path) -> Vec<Field> {
    let files = fs::read_dir(directory).unwrap_or_else(|why| panic!("{}: {why}", directory.display()));
    let mut paths: Vec<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    let read = |path: PathBuf| Field { text: fs::read_to_string(&path).expect("a configuration"), path };
    paths.into_iter().map(read).collect()
}

#[test]
fn field_configurations() {
    embedded_only!();
    skip_if!(!is_root(), "the configurations name a user for their processes");
    let directory = env::var_os("FIELD").map_or_else(|| repository().join("tests/field"), PathBuf::from);
    let all = fields(&directory);
    assert!(!all.is_empty(), "no configurations in {}", directory.display());
    let (left, failed) = (Mutex::new(VecDeque::from(all)), Mutex::new(Vec::new()));
    let next = || left.lock().unwrap().pop_front();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(field) = next() {
                    let name = field.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    if panic::catch_unwind(|| field.run()).is_err() {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "what is said above is of: {}", failed.join(", "));
}
