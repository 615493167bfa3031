//! What an administrator can do about a failed start, looked up in `advice.txt` by its exception.

/// The entries: see the head of the file.
const TABLE: &str = include_str!("advice.txt");

/// Stands for a package that works in one interpreter of a process only.
const SINGLE: &str = "{single}";

/// An exception, as its class, its text and what the traceback says of the place that raised it.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
struct Fault<'a> {
    class: &'a str,
    text: &'a str,
    file: &'a str,
    /// The line of source.
    source: &'a str,
}

/// A pattern of the table, and whether those exceptions count from which the last one came.
#[derive(Clone, Copy)]
struct Pattern<'a> {
    class: &'a str,
    file: &'a str,
    text: &'a str,
    earlier: bool,
}

/// What is known of a failure.
#[derive(Debug)]
pub struct Advice {
    /// What to do.
    pub text: String,
    /// The package that failed because it works in one interpreter of a process only.
    pub single: Option<String>,
}

/// What is known of an exception that made a start fail, in the main interpreter or another. `trace` are the lines of
/// its traceback, which may show other exceptions from which it came.
pub fn advice(class: &str, text: &str, trace: &[String], main: bool) -> Option<Advice> {
    let (mut faults, last_place) = faults(trace);
    let class = class.rsplit('.').next().unwrap_or(class);
    if faults.last().is_some_and(|fault| fault.class == class) {
        faults.pop();
    }
    faults.push(Fault { class, text, ..last_place });
    for (patterns, say) in entries() {
        for pattern in patterns {
            let considered = if pattern.earlier { 0 } else { faults.len() - 1 };
            for fault in faults[considered..].iter().rev() {
                if let Some(part) = pattern.part(fault) {
                    let single = fault.package().filter(|_| say.contains(SINGLE)).map(str::to_owned);
                    return Some(Advice { text: fill(say, main, part, fault.package()), single });
                }
            }
        }
    }
    None
}

/// The entries of the table: patterns, and the lines they stand above.
fn entries() -> impl Iterator<Item = (Vec<Pattern<'static>>, &'static str)> {
    let mut sections = 0;
    TABLE
        .split("\n\n")
        .filter_map(move |entry| {
            if entry.starts_with('[') {
                sections += 1;
            }
            let (patterns, say) = entry.split_at(entry.find("\n    ")?);
            let earlier = sections == 1;
            Some((patterns.lines().filter_map(|line| Pattern::parse(line, earlier)).collect(), say))
        })
        .filter(|(patterns, _): &(Vec<_>, _)| !patterns.is_empty())
}

impl<'a> Pattern<'a> {
    fn parse(line: &'a str, earlier: bool) -> Option<Self> {
        let (head, text) = line.split_once(": ").filter(|_| !line.starts_with('#'))?;
        let (class, file) = head.split_once(" at ").unwrap_or((head, ""));
        Some(Self { class, file, text, earlier })
    }

    /// What the `*` of the pattern stands for, if this is the exception.
    fn part<'t>(&self, fault: &Fault<'t>) -> Option<&'t str> {
        if !(self.class == "any" || self.class == fault.class) || !fault.file.contains(self.file) {
            return None;
        }
        let Some((before, after)) = self.text.split_once('*') else {
            return fault.text.contains(self.text).then_some("");
        };
        let rest = &fault.text[fault.text.find(before)? + before.len()..];
        if after.is_empty() { Some(rest) } else { rest.get(..rest.find(after)?) }
    }
}

/// The exceptions a traceback shows, in the order of their happening, and the place where the last one was raised.
fn faults(trace: &[String]) -> (Vec<Fault<'_>>, Fault<'_>) {
    let (mut faults, mut place, mut wants_source) = (Vec::new(), Fault::default(), false);
    for line in trace.iter().flat_map(|lines| lines.lines()) {
        if let Some(rest) = line.strip_prefix("  File \"") {
            let file = rest.split('"').next().unwrap_or("");
            wants_source = !file.contains("importlib");
            if wants_source {
                place = Fault { file, ..Fault::default() };
            }
        } else if line.starts_with(' ') {
            if std::mem::take(&mut wants_source) {
                place.source = line.trim();
            }
        } else {
            let (class, text) = line.split_once(": ").unwrap_or((line, ""));
            if !class.is_empty() && !class.contains(' ') {
                faults.push(Fault { class: class.rsplit('.').next().unwrap_or(class), text, ..place });
            }
        }
    }
    (faults, place)
}

impl<'a> Fault<'a> {
    /// The package whose import failed: what the statement names, or whose file it stands in.
    fn package(&self) -> Option<&'a str> {
        let statement = self.source.strip_prefix("from ").or_else(|| self.source.strip_prefix("import "));
        let named = statement.and_then(|rest| rest.split([' ', '.', ',', ';']).next());
        let path = self.file.split_once("site-packages/").or_else(|| self.file.split_once("dist-packages/"));
        named.filter(|name| !name.is_empty()).or_else(|| path?.1.split('/').next())
    }
}

/// The sentences of an entry as one line.
fn fill(say: &str, main: bool, part: &str, package: Option<&str>) -> String {
    let mut wanted = true;
    let mut words = Vec::new();
    for word in say.split_whitespace() {
        match word {
            "main:" => wanted = main,
            "sub:" => wanted = !main,
            _ if wanted => words.push(word),
            _ => {}
        }
    }
    let package = package.map_or("an extension module".to_owned(), |name| format!("the package '{name}'"));
    words.join(" ").replace("{package}", &package).replace(SINGLE, &package).replace("{1}", part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(class: &str, text: &str, trace: &str, main: bool) -> String {
        let trace: Vec<_> = trace.lines().map(str::to_owned).collect();
        advice(class, text, &trace, main).map(|advice| advice.text).unwrap_or_default()
    }

    #[test]
    fn the_table_is_whole() {
        let (mut patterns, mut entries_seen) = (0, 0);
        for (of_entry, say) in entries() {
            entries_seen += 1;
            patterns += of_entry.len();
            for main in [false, true] {
                let text = fill(say, main, "", None);
                assert!(text.len() > 40 && text.ends_with('.'), "{text}");
            }
        }
        let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with([' ', '#', '[']));
        assert_eq!(patterns, lines.count());
        assert_eq!(entries_seen, TABLE.split("\n\n").filter(|entry| entry.contains("\n    ")).count());
    }

    #[test]
    fn the_interpreter_and_the_package_make_a_difference() {
        let trace = "Traceback (most recent call last):\n  File \"/v/site-packages/lxml/html/__init__.py\", line 49, in <module>\n    \
            from .. import etree\nImportError: Interpreter change detected - this module can only";
        let text = "Interpreter change detected - this module can only";
        let sub = said("ImportError", text, trace, false);
        assert!(
            sub.starts_with("the package 'lxml' works in one interpreter") && sub.contains("main one: `WSGI"),
            "{sub}"
        );
        let lines: Vec<_> = trace.lines().map(str::to_owned).collect();
        assert_eq!(advice("ImportError", text, &lines, false).unwrap().single.as_deref(), Some("lxml"));
        assert_eq!(advice("OSError", "[Errno 24] Too many open files", &[], false).unwrap().single, None);
        let main = said("ImportError", text, trace, true);
        assert!(main.contains("another application has loaded it in one of its own"), "{main}");
        assert!(said("ImportError", text, "", false).starts_with("an extension module works"));
    }

    #[test]
    fn the_place_makes_a_difference() {
        let trace = |file: &str| {
            format!(
                "  File \"{file}\", line 1, in f\n    mod = importlib.import_module(x)\n  File \"<frozen importlib._bootstrap>\", line 1\n\
                ModuleNotFoundError: No module named 'mysite'"
            )
        };
        let say = |file| said("ModuleNotFoundError", "No module named 'mysite'", &trace(file), false);
        assert!(say("/v/django/conf/__init__.py").starts_with("'mysite', of Django's settings module,"));
        assert!(say("/v/django/apps/config.py").starts_with("'mysite' is in INSTALLED_APPS"));
        assert!(say("/srv/app.wsgi").starts_with("'mysite' is not found."));
    }

    #[test]
    fn earlier_exceptions_count_where_they_explain() {
        let trace = "portend.Timeout: Port 8080 not free on 127.0.0.1.\n\nDuring handling of the above exception, another exception \
            occurred:\n\nKeyError: 'x'";
        assert!(said("KeyError", "'x'", trace, false).starts_with("the application starts a server"));
        let trace = "ModuleNotFoundError: No module named 'simplejson'\n\nDuring handling\n\nValueError: x";
        assert_eq!(said("ValueError", "x", trace, false), "");
        let trace = "portend.Timeout: Port 8080 not free on 127.0.0.1.\n\nDuring handling\n\nSystemExit";
        assert!(said("SystemExit", "", trace, false).starts_with("the application starts a server"));
        let trace = "  File \"<frozen os>\", line 679, in __getitem__\nKeyError: 'SECRET'";
        assert!(said("KeyError", "'SECRET'", trace, false).contains("`export SECRET=...`"));
    }
}
