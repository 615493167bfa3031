//! Where an application has failed: the innermost line of its own code, with what stands around it.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

/// Lines of source before and behind the one in question.
const AROUND: u32 = 3;
/// Characters of a line that are shown.
const WIDTH: usize = 200;
/// Bytes of a file that are looked at.
const MOST_READ: u64 = 1 << 20;

/// A line of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as the traceback names it.
    pub file: String,
    /// The number of the line.
    pub line: u32,
    /// The function; empty: the traceback names none.
    pub function: String,
    /// The lines around it with their numbers, as far as this process may read the file.
    pub source: Vec<(u32, String)>,
}

impl Place {
    /// The innermost of these lines of a traceback, each of which names a place, that is neither Python's own code nor that of an installed package; without one, the
    /// innermost in a file. The file is read as it is now.
    pub fn of(places: &[String]) -> Option<Self> {
        let places = places.iter().filter_map(|line| Self::parse(line));
        let (mut own, mut any) = (None, None);
        for place in places {
            if is_own(&place.file) {
                own = Some(place);
            } else if place.file.starts_with('/') {
                any = Some(place);
            }
        }
        own.or(any).map(|place| Self { source: source(&place.file, place.line).unwrap_or_default(), ..place })
    }

    /// `  File "/srv/app.wsgi", line 3, in load`
    fn parse(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("File \"")?;
        let (file, rest) = rest.split_once("\", line ")?;
        let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
        Some(Self {
            file: file.to_owned(),
            line: number.trim_end().parse().ok()?,
            function: function.trim_end().to_owned(),
            source: Vec::new(),
        })
    }

    /// Adds a line of source, if there is room.
    pub fn add(&mut self, line: Option<(u32, String)>) {
        if self.source.len() <= 2 * AROUND as usize {
            self.source.extend(line);
        }
    }

    /// `/srv/app.wsgi:3`
    pub fn title(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// The file is an application's.
fn is_own(file: &str) -> bool {
    file.starts_with('/')
        && !["/site-packages/", "/dist-packages/", "/lib/python3."].iter().any(|part| file.contains(part))
}

/// The lines around this one, if there are so many. A file that is none (a pipe, a device) is not waited for.
fn source(file: &str, line: u32) -> Option<Vec<(u32, String)>> {
    let file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(file).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST_READ).read_to_end(&mut bytes).ok()?;
    let text = wire::shown(&bytes);
    let first = line.saturating_sub(AROUND).max(1);
    let lines = (1..)
        .zip(text.lines())
        .skip(first as usize - 1)
        .take_while(|(number, _)| *number <= line.saturating_add(AROUND));
    let lines: Vec<_> = lines.map(|(number, text)| (number, text.chars().take(WIDTH).collect())).collect();
    lines.iter().any(|(number, _)| *number == line).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(trace: &str) -> Option<Place> {
        Place::of(&trace.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_innermost_line_of_the_application_counts() {
        let trace = "Traceback (most recent call last):\n  File \"/srv/app.wsgi\", line 3, in <module>\n    import shop\n  \
            File \"/srv/shop.py\", line 9, in load\n    json.loads(x)\n  File \"/usr/lib/python3.11/json/__init__.py\", line 346, \
            in loads\n  File \"<frozen x>\", line 1, in f\nValueError: x";
        let found = place(trace).unwrap();
        assert_eq!((found.title().as_str(), found.function.as_str()), ("/srv/shop.py:9", "load"));
        let trace = "  File \"/srv/app.wsgi\", line 4\n    def (:\nSyntaxError: invalid syntax";
        assert_eq!(place(trace).unwrap().title(), "/srv/app.wsgi:4");
        let trace = "  File \"/v/lib/python3.11/site-packages/x.py\", line 5, in g\nE";
        assert_eq!(place(trace).unwrap().title(), "/v/lib/python3.11/site-packages/x.py:5");
        for none in ["", "ValueError: x", "  File \"<string>\", line 1, in f", "  File \"/a\", line x"] {
            assert_eq!(place(none), None, "{none}");
        }
    }

    #[test]
    fn the_source_stands_around_it() {
        let path = std::env::temp_dir().join(format!("mod_wsgi-place-{}", std::process::id()));
        let text: String = (1..=20).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let of = |line| source(path.to_str().unwrap(), line);
        let numbers = |line| of(line).map(|lines| (lines[0].0, lines[lines.len() - 1].0));
        assert_eq!([numbers(1), numbers(10), numbers(20)], [Some((1, 4)), Some((7, 13)), Some((17, 20))]);
        assert_eq!(of(2).unwrap()[1], (2, "line 2".into()));
        assert_eq!([of(0), of(21), of(u32::MAX)], [None, None, None]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(of(1), None);
        assert_eq!([source("/dev/null", 1), source("/", 1)], [None, None]);
    }
}
