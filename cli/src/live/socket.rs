//! The directory of the sockets of a server, and asking at one of them.

use crate::args::Place as Named;
use crate::failure::Failure;
use crate::reach::name_of;
use serde_json::Value;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where distributions have Apache's runtime directory.
const PLACES: [&str; 5] =
    ["/run/apache2", "/var/run/apache2", "/run/httpd", "/usr/local/apache2/logs", "/opt/httpd/logs"];
/// An answer has so many bytes at most.
const LARGEST: u64 = 8 << 20;

/// The directory of one server.
pub struct Place(PathBuf);

impl Place {
    /// Finds it.
    pub fn find(named: &Named) -> Result<Self, Failure> {
        let directories: Vec<PathBuf> = match (&named.socket_directory, &named.server_root) {
            (Some(directory), _) => vec![directory.clone()],
            (None, Some(root)) => vec![root.clone(), root.join("run"), root.join("logs")],
            (None, None) => {
                let own = std::env::var_os("APACHE_RUN_DIR").map(PathBuf::from);
                own.into_iter().chain(PLACES.iter().map(PathBuf::from)).collect()
            }
        };
        let mut found: Vec<PathBuf> = Vec::new();
        for directory in &directories {
            let own = is_of_server(directory).then(|| directory.clone());
            let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
            for path in own.into_iter().chain(entries.filter(|path| is_of_server(path))) {
                let path = fs::canonicalize(&path).unwrap_or(path);
                if !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        let shown = |paths: &[PathBuf]| {
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        };
        match found.len() {
            1 => Ok(Self(found.remove(0))),
            0 => Err(Failure::new(format!(
                "Apache is not running with this mod_wsgi, or has its sockets elsewhere than in {}; name their directory with \
                 --socket-directory DIR (that of WSGISocketPrefix), or a site of 'mod-wsgi setup' with --server-root DIR",
                shown(&directories)
            ))),
            _ => Err(Failure::new(format!(
                "several servers run; name one of them: --socket-directory {}",
                shown(&found).replace(", ", ", or ")
            ))),
        }
    }

    /// Pids of the children of Apache that can be asked, the youngest first.
    pub fn children(&self) -> Result<Vec<u32>, Failure> {
        let directory = self.0.join("c");
        let entries = fs::read_dir(&directory).map_err(|error| self.refused(&directory, &error))?;
        let mut all: Vec<_> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, pid(&entry.path())?)))
            .collect();
        all.sort();
        Ok(all.into_iter().rev().map(|(_, pid)| pid).collect())
    }

    /// Pids of the processes of groups that can be asked.
    pub fn workers(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut all: Vec<u32> = entries.filter_map(|entry| pid(&entry.path())).collect();
        all.sort_unstable();
        all
    }

    /// Asks a process one line; the answer is there in time, or it is a failure.
    pub fn ask(&self, pid: u32, line: &str, wait: Duration) -> Result<Value, Failure> {
        read(pid, &self.fetch(pid, line, wait)?)
    }

    /// The same, for [`read`].
    pub fn fetch(&self, pid: u32, line: &str, wait: Duration) -> Result<Vec<u8>, Failure> {
        let name = pid.to_string();
        let path =
            [self.0.join(&name), self.0.join("c").join(&name)].into_iter().find(|path| is_socket(path));
        let path = path.ok_or_else(|| {
            Failure::new(format!("process {pid} cannot be asked: it has ended, or is none of this server's; see 'mod-wsgi status'"))
        })?;
        exchange(&path, line, wait).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => self.refused(&path, &error),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::new(format!(
                "process {pid} has not answered within {} s: it is stopped, or its code has damaged it; 'mod-wsgi requests' shows its \
                 requests, and SIGKILL has it replaced",
                wait.as_secs()
            )),
            io::ErrorKind::FileTooLarge => Failure::new(format!("process {pid} answers without an end; its code has damaged it")),
            _ => Failure::new(format!("process {pid} cannot be asked: {error}; it may have ended, see 'mod-wsgi status'")),
        })
    }

    fn refused(&self, path: &Path, error: &io::Error) -> Failure {
        if error.kind() != io::ErrorKind::PermissionDenied {
            return Failure::new(format!("{} cannot be read: {error}; restart Apache", path.display()));
        }
        let owner = fs::metadata(self.0.join("c")).ok().and_then(|data| name_of(data.uid()));
        let owner = owner.unwrap_or_else(|| "the user of Apache".into());
        Failure::new(format!("only root and {owner} may ask this server; run this with sudo"))
    }
}

/// What a process has answered.
pub fn read(pid: u32, bytes: &[u8]) -> Result<Value, Failure> {
    let answer = super::bounded::parse(bytes).ok_or_else(|| match bytes.is_empty() {
        true => Failure::new(format!(
            "process {pid} gives no answer: it ends, or answers too many others; ask again"
        )),
        false => Failure::new(format!("process {pid} answers nonsense; its code has damaged it")),
    })?;
    match answer.get("error").and_then(Value::as_str) {
        Some(why) => Err(Failure::new(format!("process {pid}: {}", super::table::clean(why)))),
        None => Ok(answer),
    }
}

/// A directory that a server has made which lives: `wsgi.1234.ask`.
fn is_of_server(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let pid = name.strip_suffix(".ask").and_then(|rest| rest.rsplit('.').next()?.parse::<u32>().ok());
    pid.is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists()) && path.is_dir()
}

fn is_socket(path: &Path) -> bool {
    // What a link leads to may be anybody's.
    path.symlink_metadata().is_ok_and(|data| data.file_type().is_socket())
}

/// The pid that a socket is named by, if the process lives.
fn pid(path: &Path) -> Option<u32> {
    let pid: u32 = path.file_name()?.to_str()?.parse().ok()?;
    (is_socket(path) && Path::new(&format!("/proc/{pid}")).exists()).then_some(pid)
}

fn exchange(path: &Path, line: &str, wait: Duration) -> io::Result<Vec<u8>> {
    let until = Instant::now() + wait;
    // Nobody may take what comes.
    let connection = os::connect(path.as_os_str().as_bytes(), wait, 0, 0)?;
    let mut stream = UnixStream::from(connection);
    // One that has answered before it was asked has closed it; what it says is heard.
    if let Err(error) = stream.write_all(format!("{line}\n").as_bytes())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(error);
    }
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(rest))?;
        match stream.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(count) if bytes.len() as u64 + count as u64 > LARGEST => {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset && !bytes.is_empty() => {
                return Ok(bytes);
            }
            Err(error) => return Err(error),
        }
    }
}
