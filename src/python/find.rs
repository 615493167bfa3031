//! Finds the python that WSGIPythonHome means and looks for a libpython that is already there.

use super::{access, probe};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A python that can be embedded.
#[derive(Clone, Debug)]
pub struct Python {
    /// What `sys.executable` will be.
    pub executable: PathBuf,
    /// `3.11.2`
    pub version: String,
    /// `sys.prefix`
    pub prefix: String,
    /// The shared library, if it is to be loaded.
    pub library: Option<PathBuf>,
}

/// The python of `home`, or the first python3 on PATH, which can be loaded into Apache's children.
pub fn find(home: Option<&[u8]>) -> Result<Python, String> {
    let user = access::User::apache();
    let (python, library) = look(home, "WSGIPythonHome", &user)?;
    Ok(Python { library: Some(library?), ..python })
}

/// As [`find`], for a process of its own that runs as `user`; `name` is the option that `home` was given by.
pub fn find_executable(home: Option<&[u8]>, name: &str, user: &access::User) -> Result<Python, String> {
    look(home, name, user).map(|(python, _)| python)
}

/// The python, and its shared library or why it has none.
fn look(
    home: Option<&[u8]>,
    name: &str,
    user: &access::User,
) -> Result<(Python, Result<PathBuf, String>), String> {
    let executable = match home {
        Some(home) => in_home(Path::new(OsStr::from_bytes(home)), user)
            .map_err(|why| why.replace("WSGIPythonHome", name))?,
        None => on_path().ok_or(
            "no python3 is on Apache's PATH; install one (apt install python3), or set WSGIPythonHome to a \
             virtual environment",
        )?,
    };
    if let Some(obstacle) = access::obstacle(&executable, user) {
        return Err(obstacle);
    }
    probe::run(&executable, user)
}

/// The executable of a home: the root of a virtual environment or an installation, or its `bin`, or the python.
fn in_home(home: &Path, user: &access::User) -> Result<PathBuf, String> {
    let shown = home.display();
    if home.symlink_metadata().is_err() {
        if let Some(obstacle) = access::obstacle(home, user) {
            return Err(format!("WSGIPythonHome: {obstacle}"));
        }
        return Err(format!(
            "WSGIPythonHome {shown} does not exist; create it (python3 -m venv {shown}) or correct the path"
        ));
    }
    if !home.is_dir() {
        return if home.file_name().is_some_and(|name| name.as_bytes().starts_with(b"python")) {
            Ok(home.to_path_buf())
        } else {
            Err(format!("WSGIPythonHome {shown} is not a directory; name the root of a virtual environment"))
        };
    }
    let root = if home.ends_with("bin") { home.parent().unwrap_or(home) } else { home };
    // In a virtual environment all names are one; in an installation `python` may be Python 2.
    let names = if root.join("pyvenv.cfg").exists() {
        ["bin/python", "bin/python3"]
    } else {
        ["bin/python3", "bin/python"]
    };
    let candidates = names.map(|name| root.join(name));
    for candidate in &candidates {
        if candidate.exists() {
            return Ok(candidate.clone());
        }
        if let Some(target) = dangling(candidate) {
            return Err(format!(
                "WSGIPythonHome {shown} is a virtual environment whose base Python is gone: {} points to {}; \
                 create it anew (python3 -m venv --clear {})",
                candidate.display(),
                target.display(),
                root.display()
            ));
        }
    }
    if let Some(obstacle) = access::obstacle(&candidates[0], user) {
        return Err(obstacle);
    }
    Err(format!(
        "WSGIPythonHome {shown} holds no bin/python3; name the root of a virtual environment or of a Python \
         installation"
    ))
}

/// What a chain of symbolic links that leads nowhere ends in.
fn dangling(link: &Path) -> Option<PathBuf> {
    let mut last = link.to_path_buf();
    for _ in 0..40 {
        match last.read_link() {
            Ok(target) => last = last.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => break,
        }
    }
    (last != link && !last.exists()).then_some(last)
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("python3"))
        .find(|file| file.is_file())
}

/// A libpython that some other module has loaded into this process.
pub fn other_libpython() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("libpython")))
        .map(str::to_owned)
}
