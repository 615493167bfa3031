//! What the path of a WSGIPythonHome or a python-home= leads to: a python, or a sentence that says what is wrong with it.

use crate::problem::{Kind, Problem};
use crate::user::User;
use crate::{access, system};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A home as the configuration names it.
pub struct Home<'a> {
    /// The directive or option that says it: `WSGIPythonHome `, `python-home=`.
    pub said_by: &'a str,
    /// What it says.
    pub path: &'a Path,
}

impl fmt::Display for Home<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.said_by, self.path.display())
    }
}

impl Home<'_> {
    /// The python: that of the root of a virtual environment or an installation. Its `bin`, or the python itself, are
    /// understood as well.
    pub fn executable(&self, user: &User) -> Result<PathBuf, Problem> {
        if let Some(obstacle) = access::obstacle(self.path, user) {
            let text = format!("{self}: {}", obstacle.or(MAKE_ELSEWHERE));
            return Err(Problem::new(Kind::Unreachable, text));
        }
        self.python().map_err(|text| Problem::new(Kind::Missing, text))
    }

    /// The python, where it can be reached.
    fn python(&self) -> Result<PathBuf, String> {
        let home = self.path;
        if home.symlink_metadata().is_err() {
            let missing = || {
                format!(
                    "{self} does not exist; create it (python3 -m venv {}) or correct the path",
                    home.display()
                )
            };
            return Err(self.part_of_an_environment().unwrap_or_else(missing));
        }
        if !home.is_dir() {
            let named_python = home.file_name().is_some_and(|name| name.as_bytes().starts_with(b"python"));
            return if named_python { Ok(home.to_path_buf()) } else { Err(self.not_an_environment()) };
        }
        let root = if home.ends_with("bin") { home.parent().unwrap_or(home) } else { home };
        match python_of(root) {
            There::Python(python) => Ok(python),
            There::Dangling(link, target) => Err(format!(
                "{self} is a virtual environment whose base Python is gone: {} points to {}; create it again (python3 -m \
                 venv --clear {})",
                link.display(),
                target.display(),
                root.display()
            )),
            There::Nothing => Err(self.not_an_environment()),
        }
    }

    /// What to do about a part of the way to `python` that may not be taken, though the home itself is reached: the
    /// environment's python is a link into another place.
    pub fn remedy(&self, python: &Path) -> String {
        match python.parent().and_then(Path::parent).filter(|root| is_environment(root)) {
            Some(root) => {
                let base = system::default_python().unwrap_or_else(|| "python3".into());
                format!(
                    "create the environment again with a python from elsewhere ({} -m venv --clear {})",
                    base.display(),
                    root.display()
                )
            }
            None => MAKE_ELSEWHERE.into(),
        }
    }

    fn not_an_environment(&self) -> String {
        self.part_of_an_environment().or_else(|| self.around_an_environment()).unwrap_or_else(|| {
            let what = if self.path.is_dir() { "holds no bin/python3" } else { "is not a directory" };
            format!("{self} {what}; name the root of a virtual environment or of a Python installation")
        })
    }

    /// `…/venv/lib/python3.11/site-packages`, `…/venv/bin/activate`: the environment that is meant is above it.
    fn part_of_an_environment(&self) -> Option<String> {
        let behind_links = self.path.canonicalize().ok();
        let paths = [Some(self.path), behind_links.as_deref()];
        let root = paths.into_iter().flatten().find_map(|path| {
            path.ancestors().skip(1).find(|root| {
                path.strip_prefix(root).is_ok_and(|below| is_part(root, below))
                    && !matches!(python_of(root), There::Nothing)
            })
        })?;
        Some(format!(
            "{self} is part of {}, not an environment itself; write {}{}",
            root.display(),
            self.said_by,
            root.display()
        ))
    }

    /// The directory of a project, with its environment inside.
    fn around_an_environment(&self) -> Option<String> {
        let entries = fs::read_dir(self.path).ok()?.flatten();
        let mut inside: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|dir| is_environment(dir)).collect();
        inside.sort();
        let shown: Vec<String> =
            inside.iter().map(|dir| format!("{}{}", self.said_by, dir.display())).collect();
        let (first, others) = shown.split_first()?;
        let others: String = others.iter().map(|other| format!(" or {other}")).collect();
        Some(format!("{self} contains an environment but is not one itself; write {first}{others}"))
    }
}

/// What to do about a home that may not be entered.
const MAKE_ELSEWHERE: &str = "create the environment elsewhere, say in /srv/venv, and name that one";

fn is_environment(root: &Path) -> bool {
    root.join("pyvenv.cfg").is_file()
}

/// Something at `below` belongs to the python of `root`. An installation, say /usr, has files of others beside its own.
fn is_part(root: &Path, below: &Path) -> bool {
    let mut names = below.iter().map(|name| name.as_bytes());
    let (first, second) = (names.next().unwrap_or_default(), names.next());
    if is_environment(root) {
        return matches!(first, b"bin" | b"include" | b"lib" | b"lib64" | b"pyvenv.cfg" | b"share");
    }
    let of_python = second.is_none_or(|name| name.starts_with(b"python"));
    root.parent().is_some() && of_python && matches!(first, b"bin" | b"include" | b"lib" | b"lib64")
}

enum There {
    Python(PathBuf),
    /// A link, and what it leads to, which is gone.
    Dangling(PathBuf, PathBuf),
    Nothing,
}

/// The python of the root of an environment or an installation.
fn python_of(root: &Path) -> There {
    // In a virtual environment all names are one; in an installation `python` may be Python 2.
    let names =
        if is_environment(root) { ["bin/python", "bin/python3"] } else { ["bin/python3", "bin/python"] };
    for candidate in names.map(|name| root.join(name)) {
        if candidate.exists() {
            return There::Python(candidate);
        }
        if let Some(target) = dangling(&candidate) {
            return There::Dangling(candidate, target);
        }
    }
    There::Nothing
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
