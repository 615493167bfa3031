//! The lines of a configuration that say where applications run.

use crate::apache::{Node, Server};
use std::path::Path;
use wire::Message;
use wire::words::Words;

/// A message and its text.
pub type Finding = (Message, String);

/// A directive and what stands around it.
pub struct Line<'c> {
    /// The directive.
    pub node: Node<'c>,
    /// File and line of its virtual host; `None`: it stands outside of all.
    pub host: Option<(&'c [u8], u32)>,
    /// A section around it that applies to nothing.
    pub dead: Option<Node<'c>>,
}

/// All lines, in the order in which they were read.
pub struct Lines<'c>(Vec<Line<'c>>);

impl<'c> Lines<'c> {
    /// The lines of a configuration that has been read.
    pub fn of(main: Server<'c>) -> Self {
        let mut lines = Vec::new();
        add(main.directives(), None, None, &mut lines);
        Self(lines)
    }

    /// Those lines.
    pub fn iter(&self) -> impl Iterator<Item = &Line<'c>> {
        self.0.iter()
    }

    /// Whether there is a directive of this name.
    pub fn have(&self, name: &str) -> bool {
        self.iter().any(|line| line.node.is(name.as_bytes()))
    }
}

fn add<'c>(
    nodes: impl Iterator<Item = Node<'c>>,
    host: Option<(&'c [u8], u32)>,
    dead: Option<Node<'c>>,
    lines: &mut Vec<Line<'c>>,
) {
    for node in nodes {
        let host = if node.is(b"<VirtualHost") { Some(node.place()) } else { host };
        let dead = dead.or(applies_to_nothing(node).then_some(node));
        lines.push(Line { node, host, dead });
        let children: Vec<_> = node.children().collect();
        add(children.into_iter(), host, dead, lines);
    }
}

/// A section that no request can meet: `<Directory name>`, which is below the directory that Apache was started in, where there
/// is no such one; `<Location name>`, for every URL path begins with a slash.
fn applies_to_nothing(section: Node<'_>) -> bool {
    let (directory, location) = (section.is(b"<Directory"), section.is(b"<Location"));
    if !directory && !location {
        return false;
    }
    let name = section_name(section);
    if name.is_empty() || name.starts_with(b"/") || name.iter().any(|byte| b"~*?[:$%".contains(byte)) {
        return false;
    }
    location || std::str::from_utf8(&name).is_ok_and(|name| !Path::new(name).exists())
}

/// What stands between `<Directory` and `>`.
pub fn section_name(section: Node<'_>) -> Vec<u8> {
    let args = section.args().trim_ascii();
    Words::of(args.strip_suffix(b">").unwrap_or(args)).word().unwrap_or_default()
}

impl Line<'_> {
    /// The process groups that it names, as they were typed.
    pub fn groups(&self) -> Vec<Vec<u8>> {
        const OPTIONS: [&str; 5] = [
            "WSGIScriptAlias",
            "WSGIScriptAliasMatch",
            "WSGIDjangoAlias",
            "WSGIImportScript",
            "WSGIHandlerScript",
        ];
        let mut words = Words::of(self.node.args());
        if self.node.is(b"WSGIProcessGroup") {
            return words.word().into_iter().collect();
        }
        if !OPTIONS.iter().any(|name| self.node.is(name.as_bytes())) {
            return Vec::new();
        }
        let settings = std::iter::from_fn(|| words.setting()).flatten();
        settings.filter(|setting| setting.name == b"process-group").map(|setting| setting.value).collect()
    }
}
