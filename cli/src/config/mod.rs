//! The configuration of a site, as an administrator would write it.

mod application;
mod hosts;
mod server;

pub use hosts::{HEALTH, NOTHING};

use crate::failure::Failure;
use crate::site::Site;
use crate::text::quoted;
use std::path::Path;

/// The files that a configuration names, beside those of the application.
pub struct Files<'a> {
    /// The server root.
    pub root: &'a Path,
    /// The script of ours that imports the application, if there is one.
    pub loader: Option<&'a Path>,
    /// The types of files by their names.
    pub types: &'a Path,
    /// Where Apache writes its pid.
    pub pid_file: &'a Path,
    /// Where logs go: a directory, or the terminal.
    pub logs: Logs<'a>,
    /// They are for later; else the server runs now, and ends with this command.
    pub stays: bool,
}

/// Where logs go.
pub enum Logs<'a> {
    /// Files in a directory.
    Directory(&'a Path),
    /// The streams that Apache has from this command.
    Terminal,
}

/// The text of httpd.conf.
pub fn text(site: &Site, files: &Files<'_>) -> Result<String, Failure> {
    let mut conf = Text::default();
    conf.comment(&format!(
        "Written by mod-wsgi for {}. The next start writes it anew: what is to stay goes into a\nfile that --include \
         names, or into --directive.",
        site.args.app
    ));
    server::write(&mut conf, site, files)?;
    application::write(&mut conf, site, files)?;
    hosts::write(&mut conf, site, files)?;
    if !(site.args.directive.is_empty() && site.args.include.is_empty()) {
        conf.section("From the command line");
        for line in &site.args.directive {
            conf.line(line);
        }
        for file in &site.args.include {
            conf.line(format!("Include {}", path(&crate::app::whole(file)?)?));
        }
    }
    Ok(conf.0)
}

/// The modules that a configuration needs, by their short names, in the order in which they are loaded; and those that it
/// does with where they are there.
fn modules(site: &Site) -> (Vec<String>, Vec<&'static str>) {
    let args = &site.args;
    let mut needed: Vec<String> = vec![format!("mpm_{}", site.mpm)];
    let mut add = |names: &[&str]| needed.extend(names.iter().map(|name| (*name).to_owned()));
    add(&["unixd", "log_config", "authz_core", "authz_host", "mime", "dir", "alias"]);
    if args.old.express {
        // Files that --include-file names may rely on them: mod_wsgi-express loads them for every site.
        add(&["access_compat", "authn_core", "env", "filter", "headers"]);
    } else if !args.env.is_empty() {
        add(&["env"]);
    }
    if args.old.express || hosts::rewrites(site) {
        add(&["rewrite"]);
    }
    if args.https_port.is_some() {
        add(&["socache_shmcb", "ssl"]);
    }
    for name in &args.load {
        if !needed.contains(name) {
            needed.push(name.clone());
        }
    }
    (needed, vec!["reqtimeout"])
}

/// A path of a configuration.
fn path(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().ok_or_else(|| {
        Failure::usage(format!("{} is not UTF-8, so it cannot be configured; rename it", path.display()))
    })?;
    quoted(text)
}

/// The text as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        self.0 += line.as_ref();
        self.0.push('\n');
    }

    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format!("# {line}"));
        }
    }

    /// A heading, behind a blank line.
    fn section(&mut self, name: &str) {
        let rule = "-".repeat(100usize.saturating_sub(name.len()));
        self.line(format!("\n# --- {name} {rule}\n"));
    }

    /// A container with its lines.
    fn block(&mut self, head: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        let name = head.split_whitespace().next().unwrap_or(head);
        self.line(format!("<{head}>"));
        for line in lines {
            self.line(format!("    {}", line.as_ref()));
        }
        self.line(format!("</{name}>"));
    }

    /// Lets everybody have one file.
    fn grant(&mut self, file: &Path) -> Result<(), Failure> {
        let directory = path(file.parent().unwrap_or(file))?;
        let name = quoted(&file.file_name().unwrap_or_default().to_string_lossy())?;
        self.line(format!("<Directory {directory}>"));
        self.line(format!("    <Files {name}>\n        Require all granted\n    </Files>\n</Directory>"));
        Ok(())
    }
}
