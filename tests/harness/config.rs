//! The part of `httpd.conf` every test has: who listens where, as whom, with which MPM and modules.
//!
//! One child only, so that "the same process" means something; spare slots, so that a graceful restart finds room.

use crate::cell::{Mode, Mpm, Subject, mode, mpm, subject, venv};
use crate::os;

const MODULES: &str = "/usr/lib/apache2/modules";

/// The process group applications run in when MODE=daemon.
pub const GROUP: &str = "compliance";

/// Modules the tests' configurations use, beside the MPM and the module under test.
const LOADED: &[&str] = &[
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_host",
    "authz_user",
    "deflate",
    "dir",
    "env",
    "filter",
    "headers",
    "mime",
    "rewrite",
    "setenvif",
];

/// What the base configuration depends on.
pub struct Base<'a> {
    pub dir: &'a str,
    pub port: u16,
    pub module: &'a str,
    pub children: u32,
    pub python_home: bool,
    /// Options of the group, unless the test says itself which groups there are.
    pub group: Option<&'a str>,
    pub extra_modules: &'a [String],
    /// Apache is started by the user that its children run as.
    pub unprivileged: bool,
}

impl Base<'_> {
    pub fn text(&self) -> String {
        let Base { dir, port, module, .. } = self;
        let mut text = format!(
            "ServerRoot {dir}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {dir}/run/httpd.pid\n\
             DefaultRuntimeDir {dir}/run\nErrorLog {dir}/logs/error.log\nLogLevel info\nTimeout 30\n\
             DocumentRoot {dir}/htdocs\nCoreDumpDirectory {dir}/state\n"
        );
        if os::is_root() && !self.unprivileged {
            text.push_str("User www-data\nGroup www-data\n");
        }
        text.push_str(&format!("LoadModule mpm_{0}_module {MODULES}/mod_mpm_{0}.so\n", mpm().name()));
        for name in LOADED.iter().copied().chain(self.extra_modules.iter().map(String::as_str)) {
            text.push_str(&format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"));
        }
        text.push_str("TypesConfig /dev/null\n");
        text.push_str(&self.processes());
        text.push_str(&format!("LoadModule wsgi_module {module}\n"));
        if self.python_home {
            text.push_str(&format!("WSGIPythonHome {}\n", venv().display()));
        }
        if subject() == Subject::ModWsgi {
            // Its default is compiled in and shared by every server of the machine.
            text.push_str(&format!("WSGISocketPrefix {dir}/run/wsgi\n"));
        }
        if let (Mode::Daemon, Some(options)) = (mode(), self.group) {
            text.push_str(&format!("WSGIDaemonProcess {GROUP} {options}\nWSGIProcessGroup {GROUP}\n"));
        }
        text
    }

    fn processes(&self) -> String {
        let n = self.children;
        match mpm() {
            Mpm::Prefork => format!(
                "StartServers {n}\nMinSpareServers {n}\nMaxSpareServers {n}\nServerLimit {}\nMaxRequestWorkers {n}\n",
                n + 3
            ),
            Mpm::Event | Mpm::Worker => format!(
                "StartServers {n}\nThreadLimit 16\nThreadsPerChild 16\nServerLimit {}\nMaxRequestWorkers {}\n\
                 MinSpareThreads 1\nMaxSpareThreads {}\n",
                n + 3,
                16 * n,
                16 * (n + 2)
            ),
        }
    }
}
