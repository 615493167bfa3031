//! `doctor`: what one would be asked in a forum, answered in order, with what to do about it.

mod apache;
mod conf;
mod places;
mod pythons;

use crate::args;
use crate::failure::Failure;
use crate::httpd::{self, Httpd};
use conf::Conf;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A fact.
    Fact,
    /// It may be meant so.
    Warning,
    /// The site does not serve because of it.
    Error,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `httpd`, `python`, `access`, `limits`, `packages`, `security`.
    pub about: &'static str,
    /// How bad it is.
    pub level: Level,
    /// The sentence; of what is wrong, what to do stands behind a semicolon.
    pub text: String,
}

/// What was found, in the order in which it was looked at.
#[derive(Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    fn fact(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding { about, level: Level::Fact, text: text.into() });
    }

    fn warning(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding { about, level: Level::Warning, text: text.into() });
    }

    fn error(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding { about, level: Level::Error, text: text.into() });
    }

    fn worst(&self) -> Level {
        self.0.iter().map(|finding| finding.level).max().unwrap_or(Level::Fact)
    }
}

/// What the questions are about.
pub struct Site {
    /// Apache.
    pub httpd: Httpd,
    /// The directives of its configuration, and of the site's.
    pub conf: Conf,
    /// What Apache is asked with, to read its configuration itself: its arguments and environment.
    pub arguments: Vec<String>,
    /// Variables of its environment.
    pub variables: BTreeMap<String, String>,
}

/// Looks at everything and prints it. 0: nothing keeps the site from serving; 1: something does.
pub fn examine(question: &args::Doctor) -> Result<u8, Failure> {
    let mut findings = Findings::default();
    match Httpd::find(&question.places) {
        Ok(httpd) => look(question, httpd, &mut findings)?,
        Err(failure) => findings.error("httpd", failure.to_string()),
    }
    print(&findings, question.json);
    Ok(u8::from(findings.worst() == Level::Error))
}

fn look(question: &args::Doctor, httpd: Httpd, findings: &mut Findings) -> Result<(), Failure> {
    findings.fact(
        "httpd",
        format!(
            "{} is httpd {}; its modules are in {}",
            httpd.program.display(),
            httpd.version,
            httpd.modules.display()
        ),
    );
    match httpd::module(&question.places, Some(&httpd)) {
        Ok(module) => findings.fact("httpd", format!("the module is {}", module.display())),
        Err(failure) => findings.warning("httpd", failure.to_string()),
    }
    let site = question.site.as_ref().map(crate::app::whole).transpose()?;
    if let Some(file) = site.as_ref().filter(|file| !file.is_file()) {
        return Err(Failure::usage(format!("there is no configuration {}; correct --site", file.display())));
    }
    let Some(site) = Site::read(httpd, site.as_deref()) else {
        findings.warning("httpd", "no configuration was found; name the site's with --site CONF");
        return Ok(());
    };
    for (file, why) in &site.conf.unreadable {
        findings.warning("httpd", format!("{} cannot be read: {why}; run this as root", file.display()));
    }
    let mpm = apache::look(&site, findings);
    let groups = pythons::groups(&site);
    pythons::look(&site, &groups, findings);
    places::look(&site, &groups, findings);
    apache::limits(&site, mpm.as_deref(), &groups, findings);
    apache::security(findings);
    Ok(())
}

/// Where distributions have the configuration of the whole server.
const CONFIGURATIONS: [&str; 4] = [
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/usr/local/apache2/conf/httpd.conf",
    "/etc/apache2/httpd.conf",
];

impl Site {
    /// The named configuration if it is that of a whole server, else that of the system and the named site beside it.
    fn read(httpd: Httpd, named: Option<&Path>) -> Option<Self> {
        let is_whole = |file: &Path| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines().any(|line| {
                let line = line.trim_start();
                line.starts_with("LoadModule ")
                    || line.starts_with("ServerRoot ")
                    || line.starts_with("Include")
            })
        };
        let system = CONFIGURATIONS.iter().map(PathBuf::from).find(|file| file.is_file());
        let (main, part) = match named {
            Some(file) if is_whole(file) => (file.to_path_buf(), None),
            Some(file) => (system.clone().unwrap_or_else(|| file.to_path_buf()), Some(file)),
            None => (system.clone()?, None),
        };
        let mut variables = BTreeMap::new();
        if Some(&main) == system.as_ref() {
            variables = envvars(&main.with_file_name("envvars"));
        }
        let root = main.parent().unwrap_or(Path::new("/"));
        let mut conf = Conf::read(&main, root, variables.clone());
        if let Some(part) = part {
            // A site that is not enabled yet; one that is stands there twice, which changes no answer.
            let more = Conf::read(part, root, variables.clone());
            conf.directives.extend(more.directives);
            conf.unreadable.extend(more.unreadable);
        }
        let arguments = vec!["-f".to_owned(), main.to_string_lossy().into_owned()];
        Some(Self { httpd, conf, arguments, variables })
    }

    /// A whole number that a directive of the server says.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.conf.server(name)?.arguments.first()?.parse().ok()
    }
}

/// What Debian's file of variables says.
fn envvars(file: &Path) -> BTreeMap<String, String> {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    if !file.is_file() {
        return BTreeMap::new();
    }
    crate::environment::of_script(shell, file).unwrap_or_default().into_iter().collect()
}

fn print(findings: &Findings, as_json: bool) {
    let word = |level| match level {
        Level::Fact => "fact",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    if as_json {
        let list: Vec<Value> = findings
            .0
            .iter()
            .map(
                |finding| json!({"about": finding.about, "level": word(finding.level), "text": finding.text}),
            )
            .collect();
        println!("{}", json!({"findings": list, "worst": word(findings.worst())}));
        return;
    }
    let mut about = "";
    for finding in &findings.0 {
        if finding.about != about {
            about = finding.about;
            println!("{about}");
        }
        let sign = match finding.level {
            Level::Fact => " ",
            Level::Warning => "!",
            Level::Error => "X",
        };
        println!("  {sign} {}", finding.text);
    }
    let count = |level| findings.0.iter().filter(|finding| finding.level == level).count();
    println!("\n{} wrong (X), {} to look at (!)", count(Level::Error), count(Level::Warning));
}
