//! Reads a configuration of Apache as text: which directive stands where. What it means to Apache is Apache's affair.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wire::words::Words;

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Its name, in small letters.
    pub name: String,
    /// Its arguments, without quotes.
    pub arguments: Vec<String>,
    /// The containers around it, in small letters, the outermost first: `virtualhost *:80`.
    pub inside: Vec<String>,
}

impl Directive {
    /// The value of `name=value` among the arguments; the last counts.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.arguments.iter().rev().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// The directives of a configuration, with those of the files that it includes.
#[derive(Default)]
pub struct Conf {
    /// In the order in which Apache reads them.
    pub directives: Vec<Directive>,
    /// Files that cannot be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
    variables: BTreeMap<String, String>,
    root: PathBuf,
}

/// How deep files may include each other, as in httpd.
const DEEPEST: u32 = 128;

impl Conf {
    /// Reads a file. Relative paths in it are below `root` until it names a ServerRoot.
    pub fn read(file: &Path, root: &Path, variables: BTreeMap<String, String>) -> Self {
        let mut conf = Self { root: root.to_path_buf(), variables, ..Self::default() };
        conf.file(file, &mut Vec::new(), 0);
        conf
    }

    /// The last directive of this name outside of containers but those for conditions.
    pub fn server<'a>(&'a self, name: &'a str) -> Option<&'a Directive> {
        self.all(name).filter(|directive| directive.inside.iter().all(|head| head.starts_with("if"))).last()
    }

    /// All directives of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Directive> {
        self.directives.iter().filter(move |directive| directive.name == name)
    }

    /// A path of the configuration, from the root on.
    pub fn path(&self, text: &str) -> PathBuf {
        self.root.join(text)
    }

    fn file(&mut self, file: &Path, inside: &mut Vec<String>, depth: u32) {
        let text = match std::fs::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => return self.unreadable.push((file.to_path_buf(), error.to_string())),
        };
        for line in text.replace("\\\n", " ").lines() {
            let line = self.filled(line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with("</") {
                inside.pop();
                continue;
            }
            if let Some(head) = line.strip_prefix('<') {
                inside.push(words(head.trim_end_matches('>')).join(" ").to_lowercase());
                continue;
            }
            let mut words = words(&line).into_iter();
            let name = words.next().unwrap_or_default().to_lowercase();
            let directive = Directive { name, arguments: words.collect(), inside: inside.clone() };
            self.note(directive, inside, depth);
        }
    }

    fn note(&mut self, directive: Directive, inside: &mut Vec<String>, depth: u32) {
        let first = directive.arguments.first().cloned().unwrap_or_default();
        match directive.name.as_str() {
            "include" | "includeoptional" if depth < DEEPEST => {
                for file in matching(&self.root.join(first)) {
                    self.file(&file, inside, depth + 1);
                }
                return;
            }
            "serverroot" => self.root = PathBuf::from(first),
            "define" => {
                let value = directive.arguments.get(1).cloned().unwrap_or_default();
                self.variables.insert(first, value);
            }
            _ => {}
        }
        self.directives.push(directive);
    }

    fn filled(&self, line: &str) -> String {
        let mut text = line.to_owned();
        for (name, value) in &self.variables {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }
}

/// The words of a line, as httpd reads them.
fn words(line: &str) -> Vec<String> {
    let mut words = Words::of(line.as_bytes());
    std::iter::from_fn(|| words.argument()).map(|word| wire::shown(&word).into_owned()).collect()
}

/// The files that a path with `*` and `?` in its last part means, in order; a directory means its files.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let within = |place: &Path, fits: &dyn Fn(&str) -> bool| {
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries
            .filter(|entry| fits(&entry.file_name().to_string_lossy()))
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files
    };
    if name.contains(['*', '?']) {
        return within(pattern.parent().unwrap_or(pattern), &|file| fits(&name, file));
    }
    if pattern.is_dir() { within(pattern, &|_| true) } else { vec![pattern.to_path_buf()] }
}

fn fits(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    match pattern.next() {
        None => name.next().is_none(),
        Some('*') => {
            let rest = pattern.as_str();
            let name = name.as_str();
            (0..=name.len()).filter(|at| name.is_char_boundary(*at)).any(|at| fits(rest, &name[at..]))
        }
        Some(c) => name.next().is_some_and(|d| c == '?' || c == d) && fits(pattern.as_str(), name.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_patterns() {
        assert!(fits("*.conf", "a.conf") && fits("a?c*", "abc") && fits("*", ""));
        assert!(!fits("*.conf", "a.load") && !fits("a?c", "ac"));
    }
}
