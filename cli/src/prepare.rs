//! Writes a site's files into its server root, and has Apache check them.

use crate::app::App;
use crate::args;
use crate::config::{self, Files, Logs};
use crate::environment;
use crate::failure::Failure;
use crate::reach::sentence;
use crate::root::Root;
use crate::site::Site;
use crate::text::{python, shell};
use pythons::{obstacle, unreadable};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of a socket has 107 characters at most; behind the server root stands `/wsgi.PID.GENERATION.NUMBER.sock`.
const LONGEST_ROOT: usize = 107 - "/wsgi.4194304.9999.99.sock".len();

/// A site whose files are written.
pub struct Prepared {
    /// The site.
    pub site: Site,
    /// Its server root.
    pub root: Root,
    /// Its configuration.
    pub config: PathBuf,
    /// Where Apache writes its pid.
    pub pid_file: PathBuf,
    /// Where it writes its log, unless that is the terminal.
    pub error_log: Option<PathBuf>,
    /// Variables of its environment, beside those of this command.
    variables: Vec<(String, String)>,
}

/// Writes the files. `stays`: they are for later, so logs go to files unless a directory is named.
pub fn prepare(args: args::Site, stays: bool) -> Result<Prepared, Failure> {
    let site = Site::new(args)?;
    is_readable(&site)?;
    crate::paste::is_there(&site)?;
    let root = Root::new(site.args.server_root.as_deref())?;
    let length = root.path().as_os_str().len();
    if site.has_application() && !site.args.embedded && length > LONGEST_ROOT {
        return Err(Failure::usage(format!(
            "the server root {} has {length} characters, and sockets in it can have {LONGEST_ROOT} of them; name a shorter \
             one with --server-root DIR, or set TMPDIR to a shorter directory",
            root.path().display()
        )));
    }
    let owner = site.identity.as_ref();
    root.directory("tmp", owner)?;
    let loader = match loader(&site) {
        Some(text) => Some(root.write("application.wsgi", &text, 0o644)?),
        None => None,
    };
    if site.args.health.is_some() {
        root.write(config::HEALTH, "ok\n", 0o644)?;
    }
    if site.mount != "/" && site.document_root.is_none() {
        root.directory(config::NOTHING, None)?;
    }
    if let Some(directory) = site.document_root.as_ref().filter(|directory| !directory.is_dir()) {
        if !site.args.old.express {
            return Err(Failure::usage(format!(
                "the document root {} is not there; create it, or correct --document-root",
                directory.display()
            )));
        }
        std::fs::create_dir_all(directory).map_err(crate::failure::of_file("create", directory))?;
    }
    let types = types(&root)?;
    let directory = site.args.log_directory.as_ref().map(crate::app::whole).transpose()?;
    let logs = match (&directory, stays) {
        (Some(directory), _) => {
            std::fs::create_dir_all(directory).map_err(crate::failure::of_file("create", directory))?;
            Logs::Directory(directory)
        }
        (None, true) if !site.args.old.log_to_terminal => Logs::Directory(root.path()),
        (None, _) => Logs::Terminal,
    };
    let pid_file = match &site.args.old.pid_file {
        Some(file) => crate::app::whole(file)?,
        None => root.path().join("httpd.pid"),
    };
    let error_log = match &logs {
        Logs::Directory(directory) => Some(directory.join(site.error_log_name())),
        Logs::Terminal => None,
    };
    let files = Files {
        root: root.path(),
        loader: loader.as_deref(),
        types: &types,
        pid_file: &pid_file,
        logs,
        stays,
    };
    let text = config::text(&site, &files)?;
    let config = root.write("httpd.conf", &text, 0o644)?;
    root.write("apachectl", &control(&site, &config)?, 0o755)?;
    let variables = environment::of_site(&site, root.path())?;
    Ok(Prepared { site, root, config, pid_file, error_log, variables })
}

/// Whoever runs the application can read it, and enter its working directory.
fn is_readable(site: &Site) -> Result<(), Failure> {
    let user = site.user();
    let home = site.home.as_ref().filter(|_| site.has_application() && !site.args.embedded);
    if let Some(closed) = home.and_then(|home| obstacle(&home.join("."), &user)) {
        let remedy = "name another working directory with --working-directory DIR";
        return Err(Failure::new(closed.or(remedy)));
    }
    let (Some(_), App::Script(file) | App::Paste(file)) = (&site.identity, &site.app) else {
        return Ok(());
    };
    match unreadable(file, &user) {
        Some(closed) => {
            Err(Failure::new(format!("{}, or name its owner with --user", sentence(&user, &closed, file))))
        }
        None => Ok(()),
    }
}

impl Prepared {
    /// Apache's command line with this configuration, and with the environment that it is to have.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.site.httpd.program);
        command.arg("-d").arg(self.root.path()).arg("-f").arg(&self.config);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Has Apache check the configuration; the answer is what it advises.
    pub fn check(&self) -> Result<Vec<String>, Failure> {
        let output = self.command().arg("-t").output().map_err(|error| {
            Failure::new(format!(
                "{} cannot be run: {error}; name Apache's program with --httpd FILE",
                self.site.httpd.program.display()
            ))
        })?;
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<String> =
            said.lines().filter(|line| line.trim() != "Syntax OK").map(str::to_owned).collect();
        if output.status.success() {
            return Ok(lines);
        }
        for line in lines {
            eprintln!("{line}");
        }
        Err(Failure::new(format!(
            "Apache refuses the configuration that was written; the lines above say why ({})",
            self.config.display()
        )))
    }
}

impl Prepared {
    /// Prints what there is to say about the site, and what Apache advises.
    pub fn say(&self, advice: &[String]) {
        for note in &self.site.notes {
            eprintln!("mod-wsgi: {note}");
        }
        for line in advice {
            eprintln!("{line}");
        }
    }
}

/// The script that makes an application of what has none.
fn loader(site: &Site) -> Option<String> {
    let callable = site.args.callable.as_deref().unwrap_or("application");
    let text = match &site.app {
        App::Module { module, name } => {
            let name = name.as_deref().unwrap_or(callable);
            let own = name.split(['.', '(']).next().unwrap_or(name);
            let last =
                if name == "application" { String::new() } else { format!("\napplication = {name}\n") };
            format!("from {module} import {own}\n{last}")
        }
        App::Paste(file) => format!(
            "from paste.deploy import loadapp\n\napplication = loadapp({})\n",
            python(&format!("config:{}", file.display()))
        ),
        App::Welcome => include_str!("welcome.wsgi").to_owned(),
        App::Script(_) | App::Django(_) | App::Static(_) => return None,
    };
    Some(format!("# Written by mod-wsgi: the application that Apache serves.\n{text}"))
}

/// The file with the types of files: the system's, else the few that a site has.
fn types(root: &Root) -> Result<PathBuf, Failure> {
    const KNOWN: [&str; 4] = [
        "/etc/mime.types",
        "/etc/apache2/mime.types",
        "/usr/local/apache2/conf/mime.types",
        "/etc/httpd/conf/mime.types",
    ];
    match KNOWN.iter().map(PathBuf::from).find(|file| file.is_file()) {
        Some(known) => Ok(known),
        None => root.write("mime.types", include_str!("mime.types"), 0o644),
    }
}

/// A script that starts and stops the site, as Apache's own `apachectl` does.
fn control(site: &Site, config: &Path) -> Result<String, Failure> {
    let root = config.parent().unwrap_or(Path::new("/"));
    let variables: String = environment::set_here(site, root)
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", shell(value)))
        .collect();
    let (own, is_named) = environment::own_script(site, root)?;
    // One that the command line names is whatever it leads to, and only root asks whose it is.
    let (unless, look) =
        if is_named { ("    [ \"$(id -u)\" = 0 ] || return 0\n", "-dnL") } else { ("", "-dn") };
    Ok(include_str!("apachectl.sh")
        .replace("@HTTPD@", &shell(&site.httpd.program.to_string_lossy()))
        .replace("@ROOT@", &shell(&root.to_string_lossy()))
        .replace("@CONFIG@", &shell(&config.to_string_lossy()))
        .replace("    @UNLESS@\n", unless)
        .replace("@LOOK@", look)
        .replace("@OWN@", &shell(&own.to_string_lossy()))
        .replace("@ENVIRONMENT@\n", &variables))
}
