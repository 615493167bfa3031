//! Runs a candidate python once and hears from it what it is.

use crate::apart;
use crate::problem::{Kind, Problem};
use crate::user::User;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// A python that was tried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// What `sys.executable` will be.
    pub executable: PathBuf,
    /// `3.11.2`
    pub version: String,
    /// `sys.prefix`
    pub prefix: String,
    /// The shared library, if it is to be loaded.
    pub library: Option<PathBuf>,
}

impl Python {
    /// Its interpreters can have a GIL of their own each (PEP 684).
    pub fn has_own_gils(&self) -> bool {
        let mut numbers = self.version.split('.').map_while(|number| number.parse::<u32>().ok());
        (numbers.next(), numbers.next()) >= (Some(3), Some(12))
    }

    /// The python must be there as well inside a directory that its processes are confined to (chroot(2)).
    pub fn inside(&self, root: &Path) -> Result<(), Problem> {
        let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
        let shown = root.display();
        let outside = |text: String| Err(Problem::new(Kind::OutsideRoot, text));
        if !below(&self.executable).is_file() {
            return outside(format!(
                "chroot={shown} has no {}: the python must be executable at this path inside the chroot directory; or \
                 remove chroot= (mod_wsgi itself advises against it)",
                self.executable.display()
            ));
        }
        if !below(Path::new("/proc/self")).exists() {
            return outside(format!(
                "chroot={shown} has no /proc, which processes need to load mod_wsgi: run 'mount -t proc proc {shown}/proc'"
            ));
        }
        Ok(())
    }
}

/// What the candidate is asked. It runs with `-P`, as the bootstrap does, and prints `name=value` lines.
const QUESTION: &str = r#"
import sys
def say(name, value): print("mod_wsgi:%s=%s" % (name, value))
say("implementation", sys.implementation.name)
say("version", "%d.%d.%d" % sys.version_info[:3])
say("minor", "%d.%d" % sys.version_info[:2])
say("prefix", sys.prefix)
say("base_prefix", sys.base_prefix)
if sys.version_info >= (3, 11):
    import sysconfig
    get = sysconfig.get_config_var
    say("shared", get("Py_ENABLE_SHARED") or 0)
    say("free_threaded", get("Py_GIL_DISABLED") or 0)
    say("bits", 64 if sys.maxsize > 2**32 else 32)
    for folder in (sys.base_prefix + "/lib", sys.base_prefix + "/lib/" + (get("MULTIARCH") or ""), get("LIBDIR"),
                   "/usr/lib/" + (get("MULTIARCH") or ""), get("LIBPL")):
        for name in (get("INSTSONAME"), get("LDLIBRARY")):
            if folder and name and ".so" in name: say("library", folder + "/" + name)
    say("wanted", get("INSTSONAME") or get("LDLIBRARY"))
"#;

/// A python, and its shared library or why it cannot be embedded.
pub type Answer = (Python, Result<PathBuf, Problem>);

/// What `executable` is, or what is wrong with it.
pub fn run(executable: &Path, user: &User, deadline: Duration) -> Result<Answer, Problem> {
    let shown = executable.display();
    let answer = apart::execute(executable, &["-P", "-c", QUESTION], user, deadline).map_err(|why| {
        if why.raw_os_error() == Some(libc::ENOEXEC) {
            let text = format!("{shown} is not a program ({why}); name the root of a virtual environment");
            return Problem::new(Kind::Unusable, text);
        }
        let kind = if apart::is_late(&why) { Kind::TooSlow } else { Kind::Unusable };
        let text = format!(
            "{shown} cannot be run as the Apache user {user}: {why}; try 'sudo -u {user} {shown} -V'"
        );
        Problem::new(kind, text)
    })?;
    let [stdout, stderr] = [&answer.stdout, &answer.stderr].map(|bytes| wire::shown(bytes));
    let facts: Vec<(&str, &str)> = stdout.lines().filter_map(fact_of).collect();
    let fact: HashMap<&str, &str> = facts.iter().rev().copied().collect();
    let (Some(implementation), Some(version)) =
        (fact.get("implementation"), fact.get("version").filter(|text| is_version(text)))
    else {
        return Err(silent(executable, answer.status, &stderr, user));
    };
    let unsupported = |text: String| Err(Problem::new(Kind::Unsupported, text));
    if *implementation != "cpython" {
        return unsupported(format!(
            "{shown} is {}, but only CPython can be embedded; name a CPython 3.11 or later",
            cut(implementation)
        ));
    }
    if !at_least_3_11(version) {
        return unsupported(format!(
            "{shown} is Python {version}, but 3.11 is the oldest supported version; create the environment with a later \
             Python"
        ));
    }
    if fact.get("free_threaded").is_some_and(|value| *value != "0") {
        return unsupported(format!(
            "{shown} is a free-threaded build of Python {version}, which is not supported; name a build with the GIL"
        ));
    }
    let places = || facts.iter().filter(|(name, _)| *name == "library").map(|(_, path)| PathBuf::from(path));
    let library = places().find(|path| path.is_file()).ok_or_else(|| no_library(executable, &fact));
    let python = Python {
        executable: executable.to_path_buf(),
        version: (*version).to_owned(),
        prefix: fact.get("prefix").copied().unwrap_or_default().to_owned(),
        library: None,
    };
    Ok((python, library))
}

/// The name and the value of a fact. None is longer than a path may be.
fn fact_of(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("mod_wsgi:")?.split_once('=')?;
    (line.len() <= libc::PATH_MAX as usize && !value.contains(char::is_control)).then_some((name, value))
}

/// Whether a text is a version of digits and dots; it becomes part of the Server header.
fn is_version(text: &str) -> bool {
    text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The text, cut to the length of a log line.
fn cut(text: &str) -> String {
    const MOST: usize = 300;
    let shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() { shown + " ..." } else { shown }
}

fn at_least_3_11(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (3, 11)
}

fn no_library(executable: &Path, fact: &HashMap<&str, &str>) -> Problem {
    let shown = executable.display();
    let minor = fact.get("minor").copied().filter(|text| is_version(text)).unwrap_or("3");
    if fact.get("shared") == Some(&"1") {
        let wanted = cut(fact.get("wanted").copied().unwrap_or("libpython"));
        let text = format!(
            "{shown} has no shared library {wanted}, which embedded mode needs; install it (apt install \
             libpython{minor})"
        );
        return Problem::new(Kind::NoLibrary, text);
    }
    let text = format!(
        "{shown} was built without a shared libpython, which embedded mode needs; use a Python configured with \
         --enable-shared (Debian's python{minor} has one: apt install libpython{minor})"
    );
    Problem::new(Kind::NoLibrary, text)
}

/// The message for a program that ran, but did not answer like a python.
fn silent(executable: &Path, status: ExitStatus, stderr: &str, user: &User) -> Problem {
    let shown = executable.display();
    let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output").trim();
    let last = cut(last);
    if stderr.contains("Unknown option: -P") || stderr.contains("unknown option -P") {
        let text =
            "is older than Python 3.11, the oldest supported; create the environment with a later Python";
        return Problem::new(Kind::Unsupported, format!("{shown} {text}"));
    }
    if stderr.contains("No module named 'encodings'") {
        let text = format!(
            "{shown} does not find its standard library (No module named 'encodings'): its base installation is \
             gone, or the Apache user {user} may not read it; create the virtual environment again with a python that this user \
             can run"
        );
        return Problem::new(Kind::Unusable, text);
    }
    let text =
        format!("{shown} is not a usable python ({status}: {last}); name the root of a virtual environment");
    Problem::new(Kind::Unusable, text)
}

#[cfg(test)]
mod tests {
    use super::at_least_3_11;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(at_least_3_11("3.11.2") && at_least_3_11("3.13.0") && at_least_3_11("4.0.0"));
        assert!(!at_least_3_11("3.9.18") && !at_least_3_11("2.7.18") && !at_least_3_11("?"));
    }
}
