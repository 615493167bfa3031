//! Reading Apache's error log, and the verdict over it: no line of level warn or worse that the test did not announce.

use regex_lite::Regex;

/// Apache's levels, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    Emerg,
    Alert,
    Crit,
    Error,
    Warn,
    Notice,
    Info,
    Debug,
}

/// The level of a line. What does not look like a record, say text a C library wrote to stderr, counts as an error.
pub fn level(line: &str) -> Level {
    let record = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] ["))
        .and_then(|(_, rest)| rest.split_once(']'));
    match record.and_then(|(source, _)| source.rsplit_once(':')).map(|(_, level)| level) {
        Some("emerg") => Level::Emerg,
        Some("alert") => Level::Alert,
        Some("crit") => Level::Crit,
        Some("warn") => Level::Warn,
        Some("notice") => Level::Notice,
        Some("info") => Level::Info,
        Some(level) if level == "debug" || level.starts_with("trace") => Level::Debug,
        _ => Level::Error,
    }
}

/// Lines that fail a test whatever their level, announced as part of something else or not.
const FATAL: &[&str] = &["AH00052", "exit signal", "Fatal Python error", "panicked at"];

/// What faulthandler writes, to stderr and without a record's head.
const FAULTHANDLER: &[&str] =
    &["Fatal Python error", "Current thread 0x", "Thread 0x", "  File \"", "Extension modules:"];

/// Records of Apache itself that say nothing about the module under test. AH03092, AH03093: a connection lingers or is
/// kept while the child ends and its pollset is gone already. AH00161, AH00286, AH00484: the one child there may be is busy.
/// AH00288: the worker MPM has no room for another child while old ones end.
const NOISE: &[&str] = &["AH03092:", "AH03093:", "AH00161:", "AH00286:", "AH00484:", "AH00288:"];

/// What a test announced about its log.
#[derive(Default, Clone)]
pub struct Expectations {
    required: Vec<Regex>,
    allowed: Vec<Regex>,
    /// A process of Python crashes on purpose: what faulthandler says of it is announced.
    pub crash: bool,
}

impl Expectations {
    pub fn require(&mut self, pattern: &str) {
        self.required.push(specific(pattern));
    }

    pub fn allow(&mut self, pattern: &str) {
        self.allowed.push(specific(pattern));
    }

    /// The exception's line is required; what stands between the headline and it is allowed, whatever the source says.
    pub fn require_traceback(&mut self, pattern: &str) {
        self.require(pattern);
        self.allow_traceback();
    }

    /// Whatever a traceback consists of, but for the line of the exception.
    pub fn allow_traceback(&mut self) {
        for part in [
            r"Traceback \(most recent call last\):",
            r#"\]   File ".*", line \d+"#,
            r"\] {5,}\S",
            r"\] {3,}[~^ ]+$",
            r"(During handling of the above exception|The above exception was the direct cause)",
            r"\] *$",
        ] {
            self.allow(part);
        }
    }

    /// What is wrong with these log lines; nothing if all is well.
    pub fn judge(&self, lines: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        for line in lines {
            if NOISE.iter().any(|text| line.contains(text)) {
                continue;
            }
            let announced = self.required.iter().chain(&self.allowed).any(|pattern| pattern.is_match(line));
            if self.crash && FAULTHANDLER.iter().any(|text| line.contains(text)) {
                continue;
            }
            if FATAL.iter().any(|text| line.contains(text)) || (level(line) <= Level::Warn && !announced) {
                faults.push(format!("unexpected in the error log: {line}"));
            }
        }
        for pattern in &self.required {
            if !lines.iter().any(|line| pattern.is_match(line)) {
                faults.push(format!("missing in the error log: /{pattern}/"));
            }
        }
        faults
    }
}

/// Lines that no test has in mind.
const NOBODYS: &[&str] = &[
    "[Thu Nov 20 10:00:00.1 2025] [wsgi:error] [pid 7:tid 8] WSGI0000: none of the messages",
    "[Thu Nov 20 10:00:00.1 2025] [wsgi:error] [pid 7:tid 8] [client 127.0.0.1:9] WSGI9999: none of the messages",
    "[Thu Nov 20 10:00:00.1 2025] [core:error] [pid 7:tid 8] AH99999: none of the messages",
    "none of the messages",
];

/// The pattern of an announcement, which names what is announced: one that fits any message switches the verdict off.
#[track_caller]
fn specific(pattern: &str) -> Regex {
    let compiled = regex(pattern);
    let any_number = ["WSGI[0-9]+", "WSGI0[0-9]+", r"WSGI\d", "WSGI.*", "AH[0-9]+", r"AH\d"]
        .iter()
        .any(|p| pattern.contains(p));
    assert!(
        !any_number && !NOBODYS.iter().any(|line| compiled.is_match(line)),
        "/{pattern}/ announces whatever is logged: say which lines the test expects"
    );
    compiled
}

pub fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|e| panic!("pattern /{pattern}/: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str =
        "[Thu Nov 20 10:00:00.1 2025] [wsgi:error] [pid 7:tid 8] [client 127.0.0.1:9] WSGI0174: x";
    const INFO: &str = "[Thu Nov 20 10:00:00.1 2025] [wsgi:info] [pid 7:tid 8] starting";

    fn judge(announce: impl FnOnce(&mut Expectations), lines: &[&str]) -> usize {
        let mut expected = Expectations::default();
        announce(&mut expected);
        expected.judge(&lines.iter().map(|l| l.to_string()).collect::<Vec<_>>()).len()
    }

    #[test]
    fn levels() {
        assert_eq!(level(ERROR), Level::Error);
        assert_eq!(level(INFO), Level::Info);
        assert_eq!(level("Fatal Python error: x"), Level::Error);
    }

    #[test]
    fn unannounced_error_is_a_fault() {
        assert_eq!(judge(|_| {}, &[ERROR, INFO]), 1);
        assert_eq!(judge(|e| e.require("WSGI0174"), &[ERROR, INFO]), 0);
        assert_eq!(judge(|e| e.allow("WSGI0174"), &[ERROR]), 0);
    }

    #[test]
    fn missing_announced_line_is_a_fault() {
        assert_eq!(judge(|e| e.require("WSGI0174"), &[INFO]), 1);
        assert_eq!(judge(|e| e.allow("WSGI0174"), &[INFO]), 0);
    }

    /// What would switch the verdict off is refused; what names a message, or some, is not.
    #[test]
    fn announcements_that_fit_everything() {
        let refused = |pattern: &str| {
            let quiet = std::panic::take_hook();
            std::panic::set_hook(Box::new(|_| {}));
            let refused = std::panic::catch_unwind(|| Expectations::default().allow(pattern)).is_err();
            std::panic::set_hook(quiet);
            refused
        };
        for pattern in [
            ".",
            "",
            ".*",
            "WSGI[0-9]+: ",
            "WSGI: |WSGI[0-9]{4}: ",
            r"WSGI\d+: .*gone",
            r"\[wsgi:error\]",
            "x|$",
        ] {
            assert!(refused(pattern), "/{pattern}/");
        }
        for pattern in ["WSGI0174: ", "WSGI01(09|10): |WSGI1015: ", "^$", "AH00045: ", "ssl:warn"] {
            assert!(!refused(pattern), "/{pattern}/");
        }
    }

    #[test]
    fn crash_is_a_fault_even_if_announced() {
        let line = "[Thu Nov 20 10:00:00.1 2025] [core:notice] [pid 7] AH00052: child pid 9 exit signal Segmentation fault";
        assert_eq!(judge(|e| e.allow("AH00052"), &[line]), 1);
        assert_eq!(judge(|e| e.crash = true, &[line]), 1);
    }

    #[test]
    fn a_crash_of_python_may_be_announced() {
        let line = "Fatal Python error: Segmentation fault";
        assert_eq!(judge(|e| e.allow("Fatal"), &[line]), 1);
        assert_eq!(
            judge(|e| e.crash = true, &[line, "Current thread 0x00007f (most recent call first):"]),
            0
        );
    }
}
