//! What the processes of a server know of the start of an application, and how that is written down.

use super::place::Place;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use wire::control::MOST_DEATHS;

/// The longest text of a field that is kept.
const LONGEST: usize = 2000;
/// The most files that are watched.
const MOST_FILES: usize = 300;
/// The most lines of a traceback that are kept.
const MOST_LINES: usize = 120;
/// Processes that may be at one application.
pub const MOST_AT_IT: usize = 512;

/// How the last attempt to start it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// There was no attempt, or it has not ended.
    #[default]
    Unproven,
    /// The application serves in some process.
    Proven,
    /// The last attempt failed.
    Failed,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// Name of the exception's class.
    pub class: String,
    /// What the exception says, on one line.
    pub text: String,
    /// The traceback, line by line.
    pub trace: Vec<String>,
    /// The innermost line of the application itself.
    pub place: Option<Box<Place>>,
}

impl Cause {
    /// An exception of an application with its traceback, and the lines of this that name places; looks up the line that it is
    /// about. What an exception says may look like such a line, and a visitor may have written it.
    pub fn raised(class: String, text: String, trace: Vec<String>, places: &[String]) -> Self {
        let place = Place::of(places).map(Box::new);
        Self { class, text, trace, place }
    }

    /// `ValueError: boom`
    pub fn summary(&self) -> String {
        if self.text.is_empty() { self.class.clone() } else { format!("{}: {}", self.class, self.text) }
    }
}

/// A file whose change makes another attempt worthwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    path: String,
    /// Modification time in nanoseconds, size, device and inode; -1 each: it does not exist.
    state: [i64; 4],
}

impl Watched {
    /// The file as it is.
    pub fn new(path: String) -> Self {
        let state = Self::state(&path);
        Self { path, state }
    }

    fn state(path: &str) -> [i64; 4] {
        std::fs::metadata(OsStr::from_bytes(path.as_bytes())).map_or([-1; 4], |data| {
            let modified = data.mtime() * 1_000_000_000 + data.mtime_nsec();
            [modified, data.size() as i64, data.dev() as i64, data.ino() as i64]
        })
    }

    /// The file is not as it was.
    pub fn has_changed(&self) -> bool {
        Self::state(&self.path) != self.state
    }
}

/// A process that is at the start of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtIt {
    /// Number of the process.
    pub pid: u32,
    /// Since when, microseconds.
    pub since: i64,
}

/// The start record of one application as one script file: what one process learned, all know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// How the last attempt ended.
    pub verdict: Verdict,
    /// What error log and error pages call the failure; it stays while the script does.
    pub id: u32,
    /// Number of attempts that failed.
    pub attempts: u32,
    /// When the next attempt is due; microseconds of [`crate::runtime::clock`], as all times here.
    pub next: i64,
    /// When the short line was last written.
    pub said: i64,
    /// The first cause.
    pub cause: Cause,
    /// Files whose change makes an attempt due at once.
    pub watched: Vec<Watched>,
    /// Processes that died at it in a row.
    pub deaths: u32,
    /// Processes that are at it, or died at it and are not counted yet.
    pub at_it: Vec<AtIt>,
}

impl Record {
    /// The application has killed so many processes in a row that those that start now do without it.
    pub fn is_deadly(&self) -> bool {
        self.deaths >= MOST_DEATHS
    }

    /// Something changed since the failure.
    pub fn has_changed(&self) -> bool {
        self.watched.iter().any(Watched::has_changed)
    }

    /// The record without values that are impossible `now`, because applications may write anything. A time beyond the longest
    /// delay counts as none, so no application is shut out for longer than that.
    pub fn plausible(mut self, now: i64) -> Self {
        let latest = now + wire::backoff::LONGEST.as_micros() as i64 + 1_000_000;
        let within = |time: i64, latest: i64| if (0..=latest).contains(&time) { time } else { 0 };
        self.next = within(self.next, latest);
        self.said = within(self.said, now);
        self.at_it.retain(|one| within(one.since, now) == one.since);
        self.at_it.truncate(MOST_AT_IT);
        self.watched.truncate(MOST_FILES);
        self
    }

    /// The record as lines of text, `name value`.
    pub fn encode(&self) -> Vec<u8> {
        let verdict = match self.verdict {
            Verdict::Unproven => "unproven",
            Verdict::Proven => "proven",
            Verdict::Failed => "failed",
        };
        let mut text = format!(
            "verdict {verdict}\nid {:08x}\nattempts {}\nnext {}\nsaid {}\ndeaths {}\nclass {}\ntext {}\n",
            self.id,
            self.attempts,
            self.next,
            self.said,
            self.deaths,
            one_line(&self.cause.class),
            one_line(&self.cause.text),
        );
        if let Some(place) = &self.cause.place {
            text.push_str(&format!("place {} {}\n", place.line, one_line(&place.file)));
            text.push_str(&format!("inside {}\n", one_line(&place.function)));
            for (number, line) in &place.source {
                text.push_str(&format!("source {number} {}\n", one_line(line)));
            }
        }
        for one in &self.at_it {
            text.push_str(&format!("at_it {} {}\n", one.pid, one.since));
        }
        for file in self.watched.iter().take(MOST_FILES).filter(|file| !file.path.contains('\n')) {
            let [modified, size, device, inode] = file.state;
            text.push_str(&format!("file {modified} {size} {device} {inode} {}\n", file.path));
        }
        // Of a long traceback both ends: where it began and what was raised.
        let trace = &self.cause.trace;
        let skipped = trace.len().saturating_sub(MOST_LINES);
        for (at, line) in trace.iter().enumerate() {
            if skipped == 0 || at < MOST_LINES / 2 || at >= MOST_LINES / 2 + skipped {
                text.push_str(&format!("trace {}\n", one_line(line)));
            } else if at == MOST_LINES / 2 {
                text.push_str("trace   ...\n");
            }
        }
        text.into_bytes()
    }

    /// What `encode` wrote. What cannot be understood is left out: any process of the server may have written it.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut record = Self::default();
        for line in wire::shown(bytes).lines() {
            let Some((name, value)) = line.split_once(' ') else { continue };
            match name {
                "verdict" if value == "proven" => record.verdict = Verdict::Proven,
                "verdict" if value == "failed" => record.verdict = Verdict::Failed,
                "id" => record.id = u32::from_str_radix(value, 16).unwrap_or(0),
                "attempts" => record.attempts = value.parse().unwrap_or(0),
                "next" => record.next = value.parse().unwrap_or(0),
                "said" => record.said = value.parse().unwrap_or(0),
                "deaths" => record.deaths = value.parse().unwrap_or(0),
                "at_it" => record.at_it.extend(at_it(value)),
                "class" => record.cause.class = value.to_owned(),
                "text" => record.cause.text = value.to_owned(),
                "place" => record.cause.place = place(value).map(Box::new),
                "inside" => {
                    record.cause.place.iter_mut().for_each(|place| value.clone_into(&mut place.function))
                }
                "source" => record.cause.place.iter_mut().for_each(|place| place.add(numbered(value))),
                "trace" => record.cause.trace.push(value.to_owned()),
                "file" => record.watched.extend(file(value)),
                _ => {}
            }
        }
        record
    }
}

fn numbered(value: &str) -> Option<(u32, String)> {
    let (number, rest) = value.split_once(' ')?;
    Some((number.parse().ok()?, rest.to_owned()))
}

fn place(value: &str) -> Option<Place> {
    let (line, file) = numbered(value)?;
    Some(Place { file, line, ..Place::default() })
}

fn file(value: &str) -> Option<Watched> {
    let mut words = value.splitn(5, ' ');
    let mut number = || words.next()?.parse().ok();
    let state = [number()?, number()?, number()?, number()?];
    Some(Watched { path: words.next()?.to_owned(), state })
}

fn at_it(value: &str) -> Option<AtIt> {
    let (pid, since) = value.split_once(' ')?;
    Some(AtIt { pid: pid.parse().ok()?, since: since.parse().ok()? })
}

fn one_line(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c == '\n' || c == '\r' { ' ' } else { c }).collect()
}

/// A number that a person can look for in the log.
pub fn fresh_id(key: u64) -> u32 {
    let mixed =
        key ^ (os::monotonic() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(std::process::id());
    ((mixed >> 32) as u32 ^ mixed as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let record = Record {
            verdict: Verdict::Failed,
            id: 0x3f2a_91bc,
            attempts: 3,
            next: 1 << 40,
            said: 7,
            cause: Cause {
                class: "ValueError".into(),
                text: "a  b".into(),
                trace: vec!["  File \"x\"".into(), String::new(), "ü".into()],
                place: Some(Box::new(Place {
                    file: "/a b".into(),
                    line: 7,
                    function: "f".into(),
                    source: vec![(6, String::new()), (7, "    x = ü".into())],
                })),
            },
            watched: vec![Watched::new("/no such file".into()), Watched::new("/".into())],
            deaths: 2,
            at_it: vec![AtIt { pid: 7, since: 1 << 40 }, AtIt { pid: 8, since: 9 }],
        };
        assert_eq!(Record::decode(&record.encode()), record);
    }

    #[test]
    fn times_that_cannot_be_are_not_believed() {
        const SECOND: i64 = 1_000_000;
        let now = 1000 * SECOND;
        let next = |next| Record { next, ..Record::default() }.plausible(now).next;
        for time in [0, now, now + 60 * SECOND] {
            assert_eq!(next(time), time);
        }
        for time in [i64::MIN, -1, now + 62 * SECOND, i64::MAX] {
            assert_eq!(next(time), 0);
        }
        let said = |said| Record { said, ..Record::default() }.plausible(now).said;
        assert_eq!((said(now), said(now + 1), said(i64::MIN)), (now, 0, 0));
        let at_it = [1, now + 1, i64::MIN].map(|since| AtIt { pid: 7, since }).to_vec();
        assert_eq!(Record { at_it, ..Record::default() }.plausible(now).at_it.len(), 1);
    }

    #[test]
    fn rubbish_is_an_unproven_record() {
        for bytes in [&b""[..], b"\0\0\0", b"id zz\nattempts -1\nfile a b c\nfile 1", b"verdict"] {
            assert_eq!(Record::decode(bytes), Record::default());
        }
    }

    #[test]
    fn long_tracebacks_keep_both_ends() {
        let trace: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
        let record = Record { cause: Cause { trace, ..Cause::default() }, ..Record::default() };
        let trace = Record::decode(&record.encode()).cause.trace;
        assert_eq!((trace[0].as_str(), trace[trace.len() - 1].as_str()), ("line 0", "line 999"));
        assert!(trace.len() <= MOST_LINES + 1);
    }

    #[test]
    fn another_file_of_the_same_time_and_size_is_a_change() {
        let path = |name: &str| std::env::temp_dir().join(format!("mod_wsgi-{name}-{}", std::process::id()));
        let (file, other) = (path("record-a"), path("record-b"));
        let time = std::time::SystemTime::UNIX_EPOCH;
        for path in [&file, &other] {
            std::fs::write(path, "x").unwrap();
            std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        }
        let watched = Watched::new(file.to_str().unwrap().to_owned());
        assert!(!watched.has_changed());
        std::fs::rename(&other, &file).unwrap();
        assert!(watched.has_changed());
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_file_that_comes_or_goes_has_changed() {
        let path = std::env::temp_dir().join(format!("mod_wsgi-record-{}", std::process::id()));
        let watched = Watched::new(path.to_str().unwrap().to_owned());
        assert!(!watched.has_changed());
        std::fs::write(&path, "x").unwrap();
        assert!(watched.has_changed());
        let watched = Watched::new(path.to_str().unwrap().to_owned());
        std::fs::remove_file(&path).unwrap();
        assert!(watched.has_changed());
    }
}
