//! httpd's tree of the configuration: its directives as they were read, each with its place. What a condition (IfModule, If) of
//! the reading has left out is not in it.

use super::{Server, sys};

/// A directive, or a section with what stands in it.
#[derive(Clone, Copy)]
pub struct Node<'c>(&'c sys::ap_directive_t);

impl<'c> Node<'c> {
    /// Its name; that of a section begins with `<`.
    pub fn name(self) -> &'c [u8] {
        super::text(self.0.directive)
    }

    /// Whether this is its name, in any case.
    pub fn is(self, name: &[u8]) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// The rest of its line. That of a section ends with `>`.
    pub fn args(self) -> &'c [u8] {
        super::text(self.0.args)
    }

    /// File and line.
    pub fn place(self) -> (&'c [u8], u32) {
        (super::text(self.0.filename), self.0.line_num as u32)
    }

    /// `file:line`
    pub fn location(self) -> String {
        let (file, line) = self.place();
        format!("{}:{line}", wire::shown(file))
    }

    /// What stands in the section.
    pub fn children(self) -> impl Iterator<Item = Node<'c>> {
        // SAFETY: a link of the tree, see `from`.
        unsafe { Self::from(self.0.first_child) }
    }

    /// The node and those behind it in its section.
    ///
    /// # Safety
    /// `node` is null or a node of httpd's tree, which lives for `'c` and whose links are null or nodes of it.
    unsafe fn from(node: *const sys::ap_directive_t) -> impl Iterator<Item = Node<'c>> {
        // SAFETY: says the caller.
        std::iter::successors(unsafe { node.as_ref() }, |node| unsafe { node.next.as_ref() }).map(Node)
    }
}

impl<'c> Server<'c> {
    /// The directives of the whole configuration, those outside of all sections.
    pub fn directives(self) -> impl Iterator<Item = Node<'c>> {
        // SAFETY: httpd's tree, which lives as the configuration does, as this server does.
        unsafe { Node::from((&raw const sys::ap_conftree).read()) }
    }

    /// File and line of its `<VirtualHost …>`.
    pub fn defined_at(self) -> (&'c [u8], u32) {
        let record = self.record();
        (super::text(record.defn_name), record.defn_line_number)
    }

    /// `SSLEngine On` is said for it. mod_ssl tells only of connections, so the directives are searched.
    pub fn uses_tls(self) -> bool {
        tls_in(self.directives(), self.defined_at(), !self.is_virtual()) == Some(true)
    }
}

/// What `SSLEngine` says below these, for the virtual host defined at `place`, or outside of all.
fn tls_in<'c>(nodes: impl Iterator<Item = Node<'c>>, place: (&[u8], u32), outside: bool) -> Option<bool> {
    let mut found = None;
    for node in nodes {
        let children: Vec<_> = node.children().collect();
        if node.is(b"SSLEngine") && outside {
            found = Some(node.args().trim_ascii().eq_ignore_ascii_case(b"on"));
        } else if node.is(b"<VirtualHost") {
            if !outside && place == node.place() {
                found = tls_in(children.into_iter(), place, true).or(found);
            }
        } else {
            found = tls_in(children.into_iter(), place, outside).or(found);
        }
    }
    found
}
