//! A configuration as a tree, made by chance: lines, sections, virtual hosts with directives of ours and without, and
//! `.htaccess` files.

use super::chance::Chance;
use super::directives::{Directive, Place};

#[derive(Clone)]
pub enum Node {
    Line(String),
    Section {
        open: String,
        close: String,
        body: Vec<Node>,
    },
    /// A file below the document root.
    Htaccess {
        directory: &'static str,
        body: Vec<Node>,
    },
}

/// The text of the configuration file.
pub fn text(nodes: &[Node]) -> String {
    let mut text = String::new();
    for node in nodes {
        match node {
            Node::Line(line) => text += &format!("{line}\n"),
            Node::Section { open, close, body } => {
                text += &format!("<{open}>\n{}</{close}>\n", self::text(body));
            }
            Node::Htaccess { .. } => {}
        }
    }
    text
}

/// Takes away line `n` of the text, counted from 1, if it is no beginning or end of a section.
pub fn without_line(nodes: &[Node], n: usize) -> Option<Vec<Node>> {
    let mut first = 1;
    for (at, node) in nodes.iter().enumerate() {
        let lines = text(std::slice::from_ref(node)).lines().count();
        if n >= first + lines {
            first += lines;
            continue;
        }
        let mut less = nodes.to_vec();
        match &mut less[at] {
            Node::Section { body, .. } => *body = without_line(body, n.checked_sub(first + 1)? + 1)?,
            Node::Line(_) => _ = less.remove(at),
            Node::Htaccess { .. } => return None,
        }
        return Some(less);
    }
    None
}

/// Directories and texts of the `.htaccess` files.
pub fn htaccess(nodes: &[Node]) -> Vec<(&'static str, String)> {
    let file = |node: &Node| match node {
        Node::Htaccess { directory, body } => Some((*directory, text(body))),
        _ => None,
    };
    nodes.iter().filter_map(file).collect()
}

/// Everything that is smaller by one node.
pub fn smaller(nodes: &[Node]) -> Vec<Vec<Node>> {
    let mut all = Vec::new();
    for at in 0..nodes.len() {
        let mut less = nodes.to_vec();
        let node = less.remove(at);
        all.push(less);
        let (Node::Section { body, .. } | Node::Htaccess { body, .. }) = &node else { continue };
        for body in smaller(body) {
            let mut less = nodes.to_vec();
            let (Node::Section { body: inner, .. } | Node::Htaccess { body: inner, .. }) = &mut less[at]
            else {
                continue;
            };
            *inner = body;
            all.push(less);
        }
    }
    all
}

/// Lines of httpd's own that have to do with us.
const MAIN_LINES: &[&str] = &[
    "Alias /al {dir}/app.wsgi",
    "Alias /files {dir}/htdocs",
    "ServerName localhost",
    "AddHandler wsgi-script .wsgi",
    "SetEnv GROUP shop",
    "SetEnvIf Request_URI . GROUP=other",
    "RewriteEngine On",
    "ErrorDocument 404 /a",
    "DirectoryIndex app.wsgi index.html",
    "LogLevel debug",
    "KeepAlive Off",
];
const SECTION_LINES: &[&str] = &[
    "Require all granted",
    "Options +ExecCGI",
    "SetHandler wsgi-script",
    "AddHandler wsgi-script .wsgi",
    "SetEnv GROUP shop",
    "AllowOverride All",
    "AllowOverrideList WSGICallableObject WSGIProcessGroup WSGIDaemonProcess",
    "ErrorDocument 500 text",
    "SetHandler shop",
    "AddHandler other .html",
];
const HTACCESS_LINES: &[&str] =
    &["AddHandler wsgi-script .wsgi", "Options +ExecCGI", "SetEnv GROUP other", "SetHandler wsgi-script"];

/// Sections of directories and requests; closed by the first word.
const SECTIONS: &[&str] = &[
    "Directory {dir}",
    "Directory {dir}/htdocs",
    "Directory relative",
    "DirectoryMatch ^{dir}/h",
    "Location /",
    "Location /a",
    "LocationMatch ^/(a|sub)",
    "Files app.wsgi",
    "FilesMatch \\.wsgi$",
    "If \"true\"",
    "If \"%{REQUEST_URI} =~ m#^/a#\"",
    "Limit GET",
];
/// What has our scripts asked for users.
const LOGIN_LINES: &[&str] = &["AuthType Basic", "AuthName site", "AuthBasicProvider wsgi"];
const REQUIREMENTS: &[&str] = &["Require valid-user", "Require wsgi-group staff", "Require wsgi-group other"];

/// Sections that hold what may stand where they stand.
const CONDITIONS: &[&str] =
    &["IfModule mod_wsgi.c", "IfModule !no_such_module", "IfDefine !NO", "IfDefine NO"];

pub struct Layout<'a> {
    pub directives: &'a [Directive],
    pub chance: Chance,
    macros: usize,
}

impl<'a> Layout<'a> {
    pub fn of(directives: &'a [Directive], seed: u64) -> Self {
        Self { directives, chance: Chance::of(seed), macros: 0 }
    }

    pub fn configuration(&mut self) -> Vec<Node> {
        let access = ["Require all granted", "Options +ExecCGI", "AllowOverride All"];
        let access = access.map(|line| Node::Line(line.into())).to_vec();
        let mut nodes = vec![section("Directory {dir}", access)];
        for _ in 0..2 + self.chance.below(7) {
            self.server_item(Place::Main, 0, &mut nodes);
        }
        for directory in ["htdocs", "htdocs/sub"] {
            if self.chance.percent(30) {
                let body =
                    (0..1 + self.chance.below(3)).map(|_| self.section_line(Place::Htaccess)).collect();
                nodes.push(Node::Htaccess { directory, body });
            }
        }
        nodes
    }

    fn directive(&mut self, place: Place) -> String {
        let anywhere = self.chance.percent(3);
        let directives: Vec<&Directive> =
            self.directives.iter().filter(|directive| anywhere || directive.allowed(place)).collect();
        // Groups and aliases are what others refer to, so there are more of them.
        let main = ["WSGIDaemonProcess", "WSGIScriptAlias", "WSGIProcessGroup", "WSGIImportScript"];
        let wanted = main[self.chance.below(main.len())];
        let often = directives.iter().find(|directive| directive.name == wanted);
        match often.filter(|_| self.chance.percent(40)) {
            Some(directive) => directive.line(&mut self.chance),
            None => self.chance.one_of(&directives).line(&mut self.chance),
        }
    }

    fn section_line(&mut self, place: Place) -> Node {
        let own = if place == Place::Htaccess { HTACCESS_LINES } else { SECTION_LINES };
        Node::Line(match self.chance.percent(50) {
            true => self.directive(place),
            false => self.chance.one_of(own).to_string(),
        })
    }

    fn section(&mut self, depth: usize) -> Node {
        let open = *self.chance.one_of(SECTIONS);
        let mut body: Vec<Node> =
            (0..1 + self.chance.below(3)).map(|_| self.section_line(Place::Section)).collect();
        if self.chance.percent(20) {
            self.login(&mut body);
        }
        if depth < 2 && self.chance.percent(20) {
            body.push(self.section(depth + 1));
        }
        section(open, body)
    }

    /// Users, and perhaps groups, that a script knows, or should.
    fn login(&mut self, body: &mut Vec<Node>) {
        let mut script = |directive: &str| {
            let file = self.chance.one_of(&["app.wsgi", "app.wsgi", "broken.wsgi", "missing.wsgi"]);
            Node::Line(format!("{directive} {{dir}}/{file}"))
        };
        body.extend(LOGIN_LINES.iter().map(|line| Node::Line((*line).into())));
        body.extend([script("WSGIAuthUserScript"), script("WSGIAuthGroupScript")]);
        body.push(match self.chance.below(4) {
            0 => {
                let rules = ["Require valid-user", "Require not wsgi-group staff"];
                section("RequireAll", rules.map(|line| Node::Line(line.into())).to_vec())
            }
            _ => Node::Line(self.chance.one_of(REQUIREMENTS).to_string()),
        });
    }

    /// Settings of some interpreters.
    fn interpreters(&mut self) -> Node {
        let mut open = "WSGIInterpreterOptions".to_owned();
        for selector in ["process-group", "application-group"] {
            if self.chance.percent(50) {
                let name = self.chance.one_of(&["shop", "other", "%{GLOBAL}", "localhost|/a"]);
                open += &format!(" {selector}={name}");
            }
        }
        let body = (0..1 + self.chance.below(3)).map(|_| Node::Line(self.directive(Place::Main))).collect();
        section(&open, body)
    }

    fn host(&mut self, depth: usize) -> Node {
        let mut body = Vec::new();
        if self.chance.percent(80) {
            body.push(Node::Line(format!("ServerName {}", self.chance.one_of(&["shop", "other", "bare"]))));
        }
        // Half of them know nothing of us.
        if self.chance.percent(50) {
            for _ in 0..self.chance.below(5) {
                self.server_item(Place::Host, depth + 1, &mut body);
            }
        }
        let opens = ["VirtualHost *:{port}", "VirtualHost 127.0.0.1:{port}", "VirtualHost *:81"];
        let open = *self.chance.one_of(&opens);
        section(open, body)
    }

    fn server_item(&mut self, place: Place, depth: usize, nodes: &mut Vec<Node>) {
        match self.chance.below(100) {
            0..40 => nodes.push(Node::Line(self.directive(place))),
            40..52 => nodes.push(Node::Line(self.chance.one_of(MAIN_LINES).to_string())),
            52..64 => nodes.push(self.section(0)),
            64..67 if place == Place::Main => nodes.push(self.interpreters()),
            64..67 => nodes.push(self.section(0)),
            67..90 if place == Place::Main => nodes.push(self.host(depth)),
            67..94 if depth < 3 => {
                let open = self.chance.one_of(CONDITIONS).to_string();
                let mut body = Vec::new();
                for _ in 0..1 + self.chance.below(3) {
                    self.server_item(place, depth + 1, &mut body);
                }
                nodes.push(section(&open, body));
            }
            _ if depth < 3 => self.defined_macro(place, depth, nodes),
            _ => nodes.push(Node::Line(self.directive(place))),
        }
    }

    /// A macro, and one or two uses of it.
    fn defined_macro(&mut self, place: Place, depth: usize, nodes: &mut Vec<Node>) {
        self.macros += 1;
        let name = format!("M{}", self.macros);
        let mut body = Vec::new();
        for _ in 0..1 + self.chance.below(3) {
            self.server_item(place, depth + 1, &mut body);
        }
        if self.chance.percent(50) {
            body.push(Node::Line("WSGIProcessGroup $group".into()));
        }
        nodes.push(section(&format!("Macro {name} $group"), body));
        for _ in 0..1 + self.chance.below(2) {
            let group = *self.chance.one_of(&["shop", "other"]);
            nodes.push(Node::Line(format!("Use {name} {group}")));
        }
    }
}

/// A section is closed by the word that opens it.
fn section(open: &str, body: Vec<Node>) -> Node {
    let close = open.split(' ').next().unwrap_or_default().to_owned();
    Node::Section { open: open.to_owned(), close, body }
}
