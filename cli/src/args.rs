//! The command line: what there is to be asked, and its help.

use clap::builder::NonEmptyStringValueParser as Text;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Serves a WSGI application with Apache, or says what is wrong with a site.
#[derive(Parser)]
#[command(
    name = "mod-wsgi",
    version,
    disable_help_subcommand = true,
    disable_help_flag = true,
    after_help = "mod-wsgi COMMAND --help describes a command. The command lines of mod_wsgi-express\n\
                  (start-server, setup-server) are understood too."
)]
pub struct Arguments {
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to do.
#[derive(Subcommand)]
pub enum Command {
    /// Serve an application: write a configuration, check it, and run Apache in the foreground
    Serve(Box<Site>),
    /// Write what `serve` would run, with an `apachectl` of its own, and do not run it
    Setup(Box<Site>),
    /// Look at Apache, the module and a site, and say what is wrong
    Doctor(Doctor),
    /// Show what a running server does: groups, processes, requests, failed starts
    Status(Status),
    /// List the requests in progress, the slowest first
    Requests(Requests),
    /// Show where the threads of running processes stand, in Python's code
    Stacks(Stacks),
    /// Find out where running processes spend their time: a flame graph, or a file for speedscope
    Profile(Profile),
    /// Print the lines of a configuration that load the module
    ModuleConfig(Module),
    /// Print where the module is
    ModuleLocation(Module),
    /// Copy the module into Apache's directory of modules, and print the lines that load it
    InstallModule(Install),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Where to: created if it is not there
        directory: PathBuf,
    },
}

/// Commands of mod_wsgi-express whose command lines are translated.
pub const OLD_COMMANDS: [&str; 2] = ["start-server", "setup-server"];

/// Of which kind the application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A WSGI script
    Script,
    /// A module to import: package.module, or package.module:name
    Module,
    /// The directory of a Django project
    Django,
    /// A configuration of paste.deploy
    Paste,
    /// A directory of files, without an application
    Static,
}

/// An application and how to serve it.
#[derive(Args, Clone, Debug)]
#[command(next_line_help = false)]
pub struct Site {
    /// Script, package.module:name, Django project, .ini, or directory
    #[arg(help_heading = "Application")]
    pub app: String,

    /// Say which of these it is: script, module, django, paste, static
    #[arg(long, value_name = "KIND", help_heading = "Application", hide_possible_values = true)]
    pub kind: Option<Kind>,
    /// Name of the application in it [default: application]
    #[arg(long, value_name = "NAME", help_heading = "Application")]
    pub callable: Option<String>,
    /// URL path that it is mounted at
    #[arg(long, value_name = "PATH", default_value = "/", help_heading = "Application")]
    pub mount: String,
    /// Virtual environment or installation whose python runs it
    #[arg(long, value_name = "DIR", help_heading = "Application")]
    pub python: Option<PathBuf>,
    /// One more directory to import from (may be repeated)
    #[arg(long, value_name = "DIR", help_heading = "Application")]
    pub python_path: Vec<PathBuf>,
    /// Working directory, also first on sys.path [default: the script's]
    #[arg(short = 'C', long, value_name = "DIR", help_heading = "Application")]
    pub working_directory: Option<PathBuf>,
    /// Settings module of a Django project [default: that of manage.py]
    #[arg(long, value_name = "MODULE", help_heading = "Application")]
    pub settings: Option<String>,
    /// A variable of the environ of requests (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Application")]
    pub env: Vec<String>,

    /// Address to listen on [default: all]
    #[arg(long, value_name = "ADDRESS", value_parser = Text::new(), help_heading = "Network")]
    pub host: Option<String>,
    /// Port to listen on [default: $PORT, or 8000]
    #[arg(short, long, value_name = "NUMBER", help_heading = "Network")]
    pub port: Option<u16>,
    /// Answer for this host only, the site's name is first (may be repeated)
    #[arg(long, value_name = "HOST", help_heading = "Network")]
    pub server_name: Vec<String>,
    /// Port for HTTPS; needs --certificate and --key
    #[arg(long, value_name = "NUMBER", requires = "certificate", help_heading = "Network")]
    pub https_port: Option<u16>,
    /// Certificate, with its chain, for HTTPS
    #[arg(long, value_name = "FILE", requires = "https_port", requires = "key", help_heading = "Network")]
    pub certificate: Option<PathBuf>,
    /// Private key of the certificate
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "Network")]
    pub key: Option<PathBuf>,
    /// URL path that Apache itself answers with 200, for health checks
    #[arg(long, value_name = "PATH", help_heading = "Network")]
    pub health: Option<String>,

    /// Processes of the application: a number, 1..4, auto [default: 1..auto]
    #[arg(long, value_name = "NUMBER", help_heading = "Processes")]
    pub processes: Option<String>,
    /// Threads of each process
    #[arg(long, value_name = "NUMBER", default_value_t = 5, help_heading = "Processes")]
    pub threads: u32,
    /// Replace the processes when a file that they have imported changes
    #[arg(long, help_heading = "Processes")]
    pub reload: bool,
    /// Run the application in Apache's own processes
    #[arg(long, help_heading = "Processes")]
    pub embedded: bool,
    /// User whom Apache and the application run as, if root starts this
    #[arg(long, value_name = "NAME", help_heading = "Processes")]
    pub user: Option<String>,
    /// Group whom they run as
    #[arg(long, value_name = "NAME", help_heading = "Processes")]
    pub group: Option<String>,
    /// Any option of WSGIDaemonProcess (may be repeated)
    #[arg(short, long, value_name = "NAME=VALUE", help_heading = "Processes")]
    pub option: Vec<String>,

    /// Files in here are served before the application is asked
    #[arg(long, value_name = "DIR", help_heading = "Application")]
    pub document_root: Option<PathBuf>,
    /// Files or a directory at a URL path (may be repeated)
    #[arg(long, value_names = ["PATH", "FILES"], num_args = 2, help_heading = "Application")]
    pub alias: Vec<String>,

    /// Directory of configuration and sockets [default: a temporary one]
    #[arg(long, value_name = "DIR", help_heading = "Apache")]
    pub server_root: Option<PathBuf>,
    /// A file of more configuration, read last (may be repeated)
    #[arg(long, value_name = "FILE", help_heading = "Apache")]
    pub include: Vec<PathBuf>,
    /// A line of more configuration (may be repeated)
    #[arg(long, value_name = "LINE", help_heading = "Apache")]
    pub directive: Vec<String>,
    /// One more module of Apache, such as headers (may be repeated)
    #[arg(long, value_name = "MODULE", help_heading = "Apache")]
    pub load: Vec<String>,
    /// Log requests: common, combined, or a LogFormat
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "combined", help_heading = "Apache")]
    pub access_log: Option<String>,
    /// Least important level of the log
    #[arg(long, value_name = "LEVEL", default_value = "warn", help_heading = "Apache")]
    pub log_level: String,
    /// Logs go to files in here instead of the terminal
    #[arg(long, value_name = "DIR", help_heading = "Apache")]
    pub log_directory: Option<PathBuf>,
    /// event, worker or prefork [default: the first that there is]
    #[arg(long, value_name = "MPM", help_heading = "Apache")]
    pub mpm: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub places: Places,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub old: Old,
}

/// Where programs and modules are.
#[derive(Args, Clone, Debug, Default)]
pub struct Places {
    /// Apache's program [default: $HTTPD, or the first apache2 or httpd]
    #[arg(long, value_name = "FILE", help_heading = "Apache")]
    pub httpd: Option<PathBuf>,
    /// Where Apache's modules are
    #[arg(long, value_name = "DIR", help_heading = "Apache")]
    pub modules_directory: Option<PathBuf>,
    /// The module mod_wsgi.so
    #[arg(long, value_name = "FILE", help_heading = "Apache")]
    pub module: Option<PathBuf>,
}

/// What only the command lines of mod_wsgi-express lead to.
#[derive(Args, Clone, Debug, Default)]
pub struct Old {
    /// The environment of the application tells it that this is a command line of mod_wsgi-express.
    #[arg(long, hide = true)]
    pub express: bool,
    /// Logs go to the terminal, also from what `apachectl` starts.
    #[arg(long, hide = true)]
    pub log_to_terminal: bool,
    /// Most clients that are served at the same time.
    #[arg(long, hide = true)]
    pub max_clients: Option<u32>,
    /// Where Apache writes its pid.
    #[arg(long, hide = true)]
    pub pid_file: Option<PathBuf>,
    /// Name of the process group.
    #[arg(long, hide = true)]
    pub process_group: Option<String>,
    /// Name of the application group.
    #[arg(long, hide = true)]
    pub application_group: Option<String>,
    /// Name of the error log in the directory of logs.
    #[arg(long, hide = true)]
    pub error_log_name: Option<String>,
    /// Name of the log of requests in the directory of logs.
    #[arg(long, hide = true)]
    pub access_log_name: Option<String>,
    /// Locale of Apache and of the application.
    #[arg(long, hide = true)]
    pub locale: Option<String>,
    /// A file that `apachectl` reads for its environment.
    #[arg(long, hide = true)]
    pub envvars_script: Option<PathBuf>,
    /// What is to be said of the command line.
    #[arg(long, hide = true)]
    pub note: Vec<String>,
    /// A line for the document root.
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub document_directive: Vec<String>,
    /// A line for the site without HTTPS.
    #[arg(long, hide = true)]
    pub http_directive: Vec<String>,
    /// A line for the site with HTTPS.
    #[arg(long, hide = true)]
    pub https_directive: Vec<String>,
}

/// What to look at.
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// Apache's configuration to look at [default: that of the system]
    #[arg(long, value_name = "CONF")]
    pub site: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub places: Places,
}

/// Which module, and which python it is to run.
#[derive(Args, Clone, Debug)]
pub struct Module {
    /// Virtual environment or installation whose python runs applications
    #[arg(long, value_name = "DIR")]
    pub python: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub places: Places,
}

/// Where the module is to go.
#[derive(Args, Clone, Debug)]
pub struct Install {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub module: Module,
}

/// Which running server.
#[derive(Args, Clone, Debug, Default)]
pub struct Place {
    /// Where its sockets are, as WSGISocketPrefix says [default: Apache's runtime directory]
    #[arg(long, value_name = "DIR", help_heading = "Server")]
    pub socket_directory: Option<PathBuf>,
    /// Server root of a site that `serve` or `setup` has made
    #[arg(long, value_name = "DIR", conflicts_with = "socket_directory", help_heading = "Server")]
    pub server_root: Option<PathBuf>,
}

/// What to show of it.
#[derive(Args, Clone, Debug)]
pub struct Status {
    /// Show it again each second, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
}

/// How to list requests.
#[derive(Args, Clone, Debug)]
pub struct Requests {
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
}

/// Whose stacks.
#[derive(Args, Clone, Debug)]
pub struct Stacks {
    /// Name of a process group, %{GLOBAL} for embedded mode, or a pid [default: all]
    #[arg(value_name = "GROUP|PID")]
    pub target: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
}

/// Whose profile, and how.
#[derive(Args, Clone, Debug)]
pub struct Profile {
    /// Name of a process group, %{GLOBAL} for embedded mode, or a pid
    #[arg(value_name = "GROUP|PID")]
    pub target: String,
    /// How long
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// How often threads are looked at, each second
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// Where to: NAME.svg is a flame graph, NAME.json is for https://www.speedscope.app
    #[arg(short, long, value_name = "FILE", default_value = "flame.svg")]
    pub output: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
}
