//! A site as it will run: what the command line, the environment and the machine say, put together.

use crate::app::{self, App};
use crate::args;
use crate::failure::Failure;
use crate::httpd::{self, Httpd};
use crate::identity::{Identity, own_user};
use pythons::User;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A site as it will run.
#[derive(Clone, Debug)]
pub struct Site {
    /// The command line that it was made of.
    pub args: args::Site,
    /// What is served.
    pub app: App,
    /// Apache.
    pub httpd: Httpd,
    /// The module.
    pub module: PathBuf,
    /// `event`
    pub mpm: String,
    /// Whom Apache's children and the application run as, if root starts it.
    pub identity: Option<Identity>,
    /// Address to listen on.
    pub host: Option<String>,
    /// Port to listen on.
    pub port: u16,
    /// URL path of the application, `/` or without a slash at its end.
    pub mount: String,
    /// The python's home.
    pub python: Option<PathBuf>,
    /// Where the application works, whole.
    pub home: Option<PathBuf>,
    /// Name of the process group.
    pub group: String,
    /// Options of WSGIDaemonProcess, in their order; the last of a name counts.
    pub options: Vec<(String, String)>,
    /// Files at URL paths.
    pub aliases: Vec<(String, PathBuf)>,
    /// Files that are served before the application is asked.
    pub document_root: Option<PathBuf>,
    /// How many requests Apache serves at the same time.
    pub size: Size,
    /// What is to be said when it starts.
    pub notes: Vec<String>,
}

/// Processes and threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Most processes of the application.
    pub processes: u32,
    /// Most clients at the same time.
    pub clients: u32,
}

impl Site {
    /// Puts it together.
    pub fn new(mut args: args::Site) -> Result<Self, Failure> {
        args.health = args.health.map(|path| url_path("--health", &path)).transpose()?;
        let app = App::find(&args.app, args.kind)?;
        if let Some(name) = args.callable.as_ref().filter(|name| !app::is_dotted(name.trim_end_matches("()")))
        {
            return Err(Failure::usage(format!(
                "--callable {name} is no name of Python; write one such as application"
            )));
        }
        let httpd = Httpd::find(&args.places)?;
        let mpm = httpd.mpm(args.mpm.as_deref())?;
        let home = match &args.working_directory {
            Some(place) => Some(app::whole(place)?),
            None => app.directory(),
        };
        if let Some(place) = home.as_ref().filter(|place| !place.is_dir()) {
            return Err(Failure::usage(format!(
                "the working directory {} is not there; create it, or name another with --working-directory DIR",
                place.display()
            )));
        }
        let document_root = args.document_root.as_ref().map(app::whole).transpose()?;
        let processes = processes(&args).map_or(Ok(1), most_processes)?;
        let together = processes.saturating_mul(args.threads.max(1));
        let clients =
            args.old.max_clients.map_or_else(|| 10 + (together * 3 / 2).max(10), |most| most.max(together));
        let aliases = aliases(&args.alias)?;
        let missing = aliases.iter().filter(|(_, files)| !files.exists()).map(|(url, files)| {
            format!(
                "the alias {url} leads to {}, which is not there; create that directory, or correct the alias",
                files.display()
            )
        });
        Ok(Self {
            notes: args.old.note.iter().cloned().chain(missing).collect(),
            module: httpd::module(&args.places, Some(&httpd))?,
            mpm,
            httpd,
            identity: Identity::of(args.user.as_deref(), args.group.as_deref())?,
            host: args.host.clone().filter(|host| !matches!(host.as_str(), "*" | "0.0.0.0" | "::")),
            port: port(args.port, std::env::var("PORT").ok())?,
            mount: url_path("--mount", &args.mount)?,
            python: python(&args, &app)?,
            group: args.old.process_group.clone().unwrap_or_else(|| app.name()),
            options: options(&args)?,
            aliases,
            document_root,
            size: Size { processes, clients },
            home,
            app,
            args,
        })
    }

    /// Where visitors find it.
    pub fn url(&self) -> String {
        let host = self.args.server_name.first().or(self.host.as_ref()).map_or("localhost", String::as_str);
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let path = if self.mount == "/" { "/".to_owned() } else { format!("{}/", self.mount) };
        match self.port {
            80 => format!("http://{host}{path}"),
            port => format!("http://{host}:{port}{path}"),
        }
    }

    /// What `processes=` says.
    pub fn processes(&self) -> Option<&str> {
        processes(&self.args)
    }

    /// Name of the error log in the directory of logs.
    pub fn error_log_name(&self) -> &str {
        self.args.old.error_log_name.as_deref().unwrap_or("error_log")
    }

    /// Whom Apache's children and the application run as.
    pub fn user(&self) -> User {
        match &self.identity {
            Some(Identity { user, ids: (uid, gid), .. }) => {
                User { uid: *uid, gid: *gid, name: Some(user.clone()) }
            }
            None => own_user(),
        }
    }

    /// It has an application.
    pub fn has_application(&self) -> bool {
        !matches!(self.app, App::Static(_))
    }
}

/// Processes unless the command line says: as many as requests need, up to the processors that may be used.
const PROCESSES: &str = "1..auto";

fn processes(args: &args::Site) -> Option<&str> {
    args.processes.as_deref().or((!args.old.express).then_some(PROCESSES))
}

/// How many processes `processes=` may mean on this machine.
pub fn most_processes(text: &str) -> Result<u32, Failure> {
    let most = text.rsplit("..").next().unwrap_or(text);
    if most == "auto" {
        // Looks at affinity and at the quotas of control groups, of either version.
        return Ok(std::thread::available_parallelism().map_or(1, |count| count.get() as u32));
    }
    most.parse().ok().filter(|most| (1..=10_000).contains(most)).ok_or_else(|| {
        Failure::usage(format!("--processes {text} is no number of processes; write a number, 1..4, or auto"))
    })
}

fn port(named: Option<u16>, variable: Option<String>) -> Result<u16, Failure> {
    match (named, variable.filter(|text| !text.is_empty())) {
        (Some(port), _) if port > 0 => Ok(port),
        (Some(_), _) => Err(Failure::usage("--port 0 is no port; write a number from 1 to 65535")),
        (None, None) => Ok(8000),
        (None, Some(text)) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            Failure::usage(format!(
                "the environment has PORT={text}, which is no port; set it to a number, or use --port"
            ))
        }),
    }
}

fn url_path(option: &str, path: &str) -> Result<String, Failure> {
    let path = format!("/{}", path.trim_matches('/'));
    if path.contains(|c: char| c.is_whitespace() || "?#\"".contains(c)) {
        return Err(Failure::usage(format!("{option} {path} is no URL path; write one like /shop")));
    }
    Ok(path)
}

/// The python that runs the application: what the command line names, the environment that is active, one beside the
/// application, or that of the prefix in which this command is installed.
fn python(args: &args::Site, app: &App) -> Result<Option<PathBuf>, Failure> {
    if let Some(named) = &args.python {
        return app::whole(named).map(Some);
    }
    let active = std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty()).map(PathBuf::from);
    let directories =
        [args.working_directory.as_ref().and_then(|place| app::whole(place).ok()), app.directory()];
    let beside =
        directories.into_iter().flatten().flat_map(|place| [place.join(".venv"), place.join("venv")]);
    let beside = beside.filter(|place| place.join("pyvenv.cfg").is_file());
    // The program mod_wsgi-express belongs to one python.
    let first = own_prefix().filter(|_| args.old.express);
    Ok(first.into_iter().chain(active).chain(beside).chain(own_prefix()).next())
}

/// The prefix that this command is installed in, if it has a python: a virtual environment, mostly.
pub fn own_prefix() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let prefix = own.parent()?.parent()?;
    (prefix != Path::new("/usr") && prefix.join("bin/python3").exists()).then(|| prefix.to_path_buf())
}

/// `NAME=VALUE`
pub fn assignment<'a>(word: &'a str, option: &str) -> Result<(&'a str, &'a str), Failure> {
    word.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Failure::usage(format!("{option} {word} lacks a value; write {option} NAME=VALUE")))
}

fn options(args: &args::Site) -> Result<Vec<(String, String)>, Failure> {
    if args.embedded && !args.old.express && !args.option.is_empty() {
        return Err(Failure::usage(
            "--option is for process groups, and --embedded has none; leave out one of the two",
        ));
    }
    let mut options: Vec<(String, String)> = Vec::new();
    for word in &args.option {
        let (name, value) = assignment(word, "--option")?;
        options.retain(|(other, _)| other != name);
        options.push((name.to_owned(), value.to_owned()));
    }
    Ok(options)
}

/// Longer URL paths come first, for Apache takes the first that fits.
fn aliases(words: &[String]) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut aliases = BTreeMap::new();
    for pair in words.chunks_exact(2) {
        let files = app::whole(&pair[1])?;
        aliases.insert(url_path("--alias", &pair[0])?, files);
    }
    Ok(aliases.into_iter().rev().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_options_the_environments_or_8000() {
        assert_eq!(port(Some(80), Some("9000".into())), Ok(80));
        assert_eq!(port(None, Some("9000".into())), Ok(9000));
        assert_eq!((port(None, None), port(None, Some(String::new()))), (Ok(8000), Ok(8000)));
        assert!(port(None, Some("http".into())).unwrap_err().to_string().contains("PORT=http"));
        assert!(port(Some(0), None).is_err());
    }

    #[test]
    fn processes_are_counted_for_apaches_own_threads() {
        assert_eq!((most_processes("3").unwrap(), most_processes("1..8").unwrap()), (3, 8));
        assert!(most_processes("1..auto").unwrap() >= 1);
        for text in ["0", "-1", "many", "1.."] {
            assert!(most_processes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mounts_have_one_slash() {
        let path = |path| url_path("--mount", path);
        assert_eq!(
            (path("/").unwrap(), path("shop/").unwrap(), path("/a/b").unwrap()),
            ("/".into(), "/shop".into(), "/a/b".into())
        );
        assert!(path("/a b").is_err());
    }

    #[test]
    fn of_aliases_the_longer_stand_first() {
        let words = ["/static", "/srv/a", "/static/big", "/srv/b"].map(str::to_owned);
        let paths: Vec<String> = aliases(&words).unwrap().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["/static/big", "/static"]);
    }
}
