//! Who imports whom in a tree of Rust sources: arrows between its folders, and circles of its files.
//!
//! Read are the paths `crate::…`, `super::…` and `self::…`, in `use` lines and in the code, but not in comments, texts and
//! what is `#[cfg(test)]`. A path leads to the file in which its name stands: what a `mod.rs` passes on with `use` is
//! looked for where that leads, and `mod x;` is no arrow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The most files of a folder that may need each other in a circle.
pub const LARGEST_CIRCLE: usize = 4;

/// Everything that is wrong with the layers of a tree, one line each. `floors` are files and folders below `root`, the ground
/// floor first; those of one row are neighbours, which do not know each other. Files in none of them are reported, but for
/// `lib.rs`, which may import all, and folders called `tests`.
pub fn complaints(root: &Path, floors: &[&[&str]]) -> Vec<String> {
    let tree = Tree::read(root);
    let mut complaints = Vec::new();
    let mut circles = Vec::new();
    for file in tree.files.keys() {
        if place(file, floors).is_none() && file != "lib" {
            complaints.push(format!("{file}.rs stands on no floor"));
        }
    }
    for (from, to, path) in tree.arrows() {
        let (Some((floor, own)), Some((other, theirs))) = (place(&from, floors), place(&to, floors)) else {
            if to == "lib" && from != "lib" {
                complaints.push(format!("{from}.rs imports {path}, from above everything"));
            }
            continue;
        };
        if own == theirs {
            circles.push((from, to));
        } else if other > floor {
            complaints.push(format!("{from}.rs imports {path}: {own} stands below {theirs}"));
        } else if other == floor {
            complaints.push(format!("{from}.rs imports {path}: {own} and {theirs} are neighbours"));
        }
    }
    for circle in components(&circles).into_iter().filter(|circle| circle.len() > LARGEST_CIRCLE) {
        complaints.push(format!("{} files in a circle: {}", circle.len(), circle.join(", ")));
    }
    complaints.sort();
    complaints.dedup();
    complaints
}

/// Adds the files of a tree, by their names behind `name`, whose code has the word `unsafe`, tests aside.
pub fn with_unsafe(root: &Path, name: &str, found: &mut Vec<String>) {
    for (file, source) in Tree::read(root).files {
        if source.has_unsafe {
            found.push(format!("{name}/{file}.rs"));
        }
    }
}

/// The words and signs of a source, with a blank between them; tests, comments and texts aside.
pub fn code(text: &str) -> String {
    without_tests(words(text)).join(" ")
}

/// The floor of a file, and the entry of the list that it belongs to: the longest that fits.
fn place<'a>(file: &str, floors: &[&[&'a str]]) -> Option<(usize, &'a str)> {
    let entries =
        floors.iter().enumerate().flat_map(|(floor, row)| row.iter().map(move |entry| (floor, *entry)));
    let fits = |entry: &str| {
        file.strip_prefix(entry.trim_end_matches(".rs"))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    entries.filter(|(_, entry)| fits(entry)).max_by_key(|(_, entry)| entry.len())
}

/// Files by their names without `.rs`; a folder's `mod.rs` has the folder's name with `/mod`.
struct Tree {
    files: BTreeMap<String, Source>,
}

/// What is known of one file.
struct Source {
    /// The module it is, from the root on.
    module: Vec<String>,
    /// Its paths that may lead to other files.
    paths: Vec<Reference>,
    /// What its code names, outside of `use` lines: the beginning of each path.
    names: BTreeSet<String>,
    /// Its code has the word.
    has_unsafe: bool,
}

/// A path.
struct Reference {
    path: Vec<String>,
    /// The name that it is known by in this file.
    known_as: String,
    /// It stands in a `use` line.
    is_use: bool,
    /// It begins with a name: that of a module declared here, or of something outside of the tree.
    by_name: bool,
}

impl Tree {
    fn read(root: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
                let path = entry.expect("an entry").path();
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
                if path.is_dir() && name != "tests" {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
                    let below = path.strip_prefix(root).expect("below the root").with_extension("");
                    let name = below.to_str().expect("a name").to_owned();
                    let text = std::fs::read_to_string(&path).expect("a source");
                    files.insert(name.clone(), Source::new(&name, &text));
                }
            }
        }
        Self { files }
    }

    /// From which file to which, and by which path.
    fn arrows(&self) -> Vec<(String, String, String)> {
        let mut arrows = Vec::new();
        for (name, source) in &self.files {
            let is_mod = name.ends_with("/mod") || name == "lib";
            for reference in &source.paths {
                // What a mod.rs passes on is no need of its own: whoever uses it there has the arrow.
                if is_mod && reference.is_use && !source.names.contains(&reference.known_as) {
                    continue;
                }
                let Some(to) = self.leads_to(source, reference, 0) else { continue };
                if to != *name {
                    arrows.push((name.clone(), to, reference.path.join("::")));
                }
            }
        }
        arrows
    }

    /// The file that a path leads to, if it is one of the tree.
    fn leads_to(&self, source: &Source, reference: &Reference, depth: usize) -> Option<String> {
        let child = &reference.path[..reference.path.len().min(source.module.len() + 1)];
        let file = child.join("/");
        let is_child = self.files.contains_key(&file) || self.files.contains_key(&format!("{file}/mod"));
        (!reference.by_name || is_child).then(|| self.target(&reference.path, depth))?
    }

    /// The file in which a path of modules from the root ends.
    fn target(&self, path: &[String], depth: usize) -> Option<String> {
        if depth > 8 {
            return None;
        }
        let mut file = "lib".to_owned();
        for (at, part) in path.iter().enumerate() {
            let folder = file
                .strip_suffix("mod")
                .or(file.strip_suffix("lib"))
                .map_or(format!("{file}/"), str::to_owned);
            let candidates = [format!("{folder}{part}"), format!("{folder}{part}/mod")];
            if let Some(found) = candidates.into_iter().find(|name| self.files.contains_key(name)) {
                file = found;
                continue;
            }
            let passed_on =
                self.files[&file].paths.iter().find(|other| other.is_use && other.known_as == *part);
            if let Some(other) = passed_on
                && (file.ends_with("/mod") || file == "lib")
            {
                self.leads_to(&self.files[&file], other, depth)?;
                let rest = [&other.path[..], &path[at + 1..]].concat();
                return self.target(&rest, depth + 1);
            }
            break;
        }
        Some(file)
    }
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let parts = name.strip_suffix("/mod").unwrap_or(name);
        let module: Vec<String> =
            if name == "lib" { Vec::new() } else { parts.split('/').map(str::to_owned).collect() };
        let mut words = without_tests(words(text));
        let has_unsafe = words.iter().any(|word| word == "unsafe");
        // Behind every word there is one more.
        words.push(String::new());
        let mut source = Self { module, paths: Vec::new(), names: BTreeSet::new(), has_unsafe };
        let mut at = 0;
        while at < words.len() {
            if words[at] == "use" {
                let end = words[at..].iter().position(|word| word == ";").map_or(words.len(), |end| at + end);
                source.add_use(&words[at + 1..end], &[]);
                at = end;
            } else if words[at] == "mod" {
                at += 1;
            } else {
                let mut path = Vec::new();
                while words[at].starts_with(|c: char| c.is_alphabetic() || c == '_') {
                    path.push(words[at].clone());
                    if words.get(at + 1).map(String::as_str) != Some("::") || at + 2 >= words.len() {
                        break;
                    }
                    at += 2;
                }
                if let Some(first) = path.first().cloned() {
                    source.names.insert(first);
                    source.add(&path, false, None);
                }
            }
            at += 1;
        }
        source
    }

    /// Notes a path that leads somewhere in the tree, from the root on.
    fn add(&mut self, path: &[String], is_use: bool, known_as: Option<&String>) {
        let (mut base, mut rest, mut by_name) = (self.module.clone(), path, false);
        match rest.first().map(String::as_str) {
            Some("crate") => (base, rest) = (Vec::new(), &rest[1..]),
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            // `x::Y`, where `x` may be a module that is declared here; else the path leads nowhere else.
            Some(_) if path.len() > 1 => by_name = true,
            _ => return,
        }
        // `pub(super)` is no path.
        if rest.is_empty() && !is_use {
            return;
        }
        let mut path = [base, rest.to_vec()].concat();
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let known_as = known_as.or(path.last()).cloned().unwrap_or_default();
        self.paths.push(Reference { path, known_as, is_use, by_name });
    }

    /// A tree of `use`: `a::{b, c::D as E}`.
    fn add_use(&mut self, words: &[String], prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut at = 0;
        while at < words.len() {
            match words[at].as_str() {
                "::" => {}
                "as" => return self.add(&path, true, words.get(at + 1)),
                "{" => {
                    let inside = &words[at + 1..words.len() - 1];
                    let (mut depth, mut from) = (0, 0);
                    for (index, word) in inside.iter().enumerate() {
                        match word.as_str() {
                            "{" => depth += 1,
                            "}" => depth -= 1,
                            "," if depth == 0 => {
                                self.add_use(&inside[from..index], &path);
                                from = index + 1;
                            }
                            _ => {}
                        }
                    }
                    if from < inside.len() {
                        self.add_use(&inside[from..], &path);
                    }
                    return;
                }
                "*" => {}
                word => path.push(word.to_owned()),
            }
            at += 1;
        }
        self.add(&path, true, None);
    }
}

/// The words and signs of a source, without comments and texts.
fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        let next = characters.get(at + 1).copied().unwrap_or(' ');
        let begin = at;
        at += 1;
        if c == '/' && next == '/' {
            while at < characters.len() && characters[at] != '\n' {
                at += 1;
            }
        } else if c == '"' {
            while at < characters.len() && characters[at] != '"' {
                at += if characters[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == 'r' && (next == '"' || next == '#') && is_raw(&characters[at..]) {
            let signs = characters[at..].iter().take_while(|c| **c == '#').count();
            let end = ['"'].into_iter().chain(std::iter::repeat_n('#', signs)).collect::<Vec<_>>();
            at += signs + 1;
            while at < characters.len() && !characters[at..].starts_with(&end) {
                at += 1;
            }
            at += signs + 1;
        } else if c == '\'' && (next == '\\' || characters.get(at + 1) == Some(&'\'')) {
            at += if next == '\\' { 2 } else { 1 };
            while at < characters.len() && characters[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' {
            while characters.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            words.push(characters[begin..at].iter().collect());
        } else if c == ':' && next == ':' {
            at += 1;
            words.push("::".to_owned());
        } else if !c.is_whitespace() {
            words.push(c.to_string());
        }
    }
    words
}

fn is_raw(rest: &[char]) -> bool {
    rest.iter().find(|c| **c != '#') == Some(&'"')
}

/// Leaves out each item that is `#[cfg(test)]`.
fn without_tests(words: Vec<String>) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if !words[at..].iter().map(String::as_str).take(MARK.len()).eq(MARK) {
            kept.push(words[at].clone());
            at += 1;
            continue;
        }
        at += MARK.len();
        let mut depth = 0;
        while at < words.len() {
            let word = words[at].as_str();
            at += 1;
            match word {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 && (word == ";" || word == "}") {
                break;
            }
        }
    }
    kept
}

/// The files that lead to each other, of more than one each.
fn components(arrows: &[(String, String)]) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().insert(to);
        next.entry(to).or_default();
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|file| (*file, reached(file, &next))).collect();
    let mut found = BTreeSet::new();
    for file in next.keys() {
        let circle: Vec<String> = reach[file]
            .iter()
            .filter(|other| reach[**other].contains(file))
            .map(|other| (*other).to_owned())
            .collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reached<'a>(file: &'a str, next: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::from([file]);
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for other in &next[file] {
            if reached.insert(other) {
                open.push(other);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in a folder of its own, which goes with it.
    struct Files(std::path::PathBuf);

    impl Files {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("mod_wsgi-layers-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = root.join(file);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                std::fs::write(path, text).expect("a file");
            }
            Self(root)
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const LIB: (&str, &str) = ("lib.rs", "mod a; mod b; mod c;");

    #[test]
    fn an_arrow_up_and_one_to_a_neighbour_are_found() {
        let files = Files::new(
            "up",
            &[
                LIB,
                ("a.rs", "fn x() { let y = crate::b::y(); }"),
                ("b/mod.rs", "mod inner; pub use inner::y;"),
                ("b/inner.rs", "use crate::{a::x, c::{self as z}};\n// crate::a\npub fn y() {}"),
                ("c.rs", "const T: &str = \"crate::b\";\n#[cfg(test)] mod tests { use crate::b; }"),
            ],
        );
        let found = complaints(&files.0, &[&["a.rs"], &["b", "c.rs"]]);
        assert_eq!(
            found,
            ["a.rs imports b::y: a.rs stands below b", "b/inner.rs imports c: b and c.rs are neighbours"]
        );
        assert_eq!(complaints(&files.0, &[&["b"], &["c.rs"]]).len(), 2, "a.rs stands on no floor");
    }

    #[test]
    fn a_mod_file_that_passes_names_on_is_in_no_circle() {
        let user = "use super::{a, b, c, d};\nuse super::N;";
        let all = ["a", "b", "c", "d"].map(|name| (format!("f/{name}.rs"), user));
        let mut files: Vec<(&str, &str)> = all.iter().map(|(name, text)| (&name[..], *text)).collect();
        files.push(("lib.rs", "mod f;"));
        files.push(("f/mod.rs", "mod a; mod b; mod c; mod d; pub use a::N; pub use b::*;"));
        let found = complaints(&Files::new("passed", &files).0, &[&["f"]]);
        assert_eq!(found, [""; 0], "four files may form a circle");
        files.last_mut().expect("mod.rs").1 = "mod a; mod b; mod c; mod d; use a::x; pub struct N(x);";
        let found = complaints(&Files::new("own", &files).0, &[&["f"]]);
        assert_eq!(found, ["5 files in a circle: f/a, f/b, f/c, f/d, f/mod"]);
    }
}
