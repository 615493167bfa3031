//! Finds the python that the configuration means and looks for a libpython that is already there.

use super::home::Home;
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

/// The pythons that run when the configuration names none. PATH has no say: a root shell, systemd and cron each have another.
const DEFAULTS: [&str; 2] = ["/usr/bin/python3", "/usr/local/bin/python3"];

/// The python of `home`, or the default one, which can be loaded into Apache's children.
pub fn find(home: Option<&[u8]>) -> Result<Python, String> {
    let user = access::User::apache();
    let (python, library) = look(home, "WSGIPythonHome ", &user)?;
    Ok(Python { library: Some(library?), ..python })
}

/// Finds a python like [`find`], for a separate process that runs as `user`; `said_by` is the option that set `home`.
pub fn find_executable(home: Option<&[u8]>, said_by: &str, user: &access::User) -> Result<Python, String> {
    look(home, said_by, user).map(|(python, _)| python)
}

/// The python, and its shared library or why it has none.
fn look(
    home: Option<&[u8]>,
    said_by: &str,
    user: &access::User,
) -> Result<(Python, Result<PathBuf, String>), String> {
    let Some(path) = home else { return look_at_default(user) };
    let home = Home { said_by, path: Path::new(OsStr::from_bytes(path)) };
    let executable = home.executable(user)?;
    let in_the_way = |place: &Path| {
        let obstacle = access::obstacle(place, user)?;
        Some(format!("{home}: {}", obstacle.or(&home.remedy(&executable))))
    };
    if let Some(why) = in_the_way(&executable) {
        return Err(why);
    }
    // One that runs and fails may be a copy that does not reach its standard library.
    probe::run(&executable, user)
        .map_err(|why| base_of(&executable, user).and_then(|base| in_the_way(&base)).unwrap_or(why))
}

fn look_at_default(user: &access::User) -> Result<(Python, Result<PathBuf, String>), String> {
    const UNSAID: &str = "no WSGIPythonHome is set";
    let executable = default_python().ok_or_else(|| {
        format!(
            "{UNSAID}, and there is no {}; install it (apt install python3), or set WSGIPythonHome to a virtual \
             environment",
            DEFAULTS.join(" or ")
        )
    })?;
    if let Some(obstacle) = access::obstacle(&executable, user) {
        return Err(format!("{UNSAID}: {}", obstacle.or("set WSGIPythonHome to an environment elsewhere")));
    }
    let unsaid = |why| format!("{UNSAID}: {why}");
    probe::run(&executable, user).map(|(python, library)| (python, library.map_err(unsaid))).map_err(unsaid)
}

/// The python that runs when the configuration names none.
pub fn default_python() -> Option<PathBuf> {
    first_file(&DEFAULTS.map(PathBuf::from))
}

fn first_file(candidates: &[PathBuf]) -> Option<PathBuf> {
    candidates.iter().find(|file| file.is_file()).cloned()
}

/// Where the python of a virtual environment has its standard library from: it may be a copy, not a link.
fn base_of(executable: &Path, user: &access::User) -> Option<PathBuf> {
    let root = executable.parent()?.parent()?;
    let text = access::read(&root.join("pyvenv.cfg"), user)?;
    let mut settings = text.lines().filter_map(|line| line.split_once('='));
    let (_, bin) = settings.find(|(name, _)| name.trim() == "home")?;
    Some(Path::new(bin.trim()).join("python3"))
}

/// A libpython that some other module has loaded into this process.
pub fn other_libpython() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("libpython")))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_first_default_that_is_there_counts() {
        let dir = std::env::temp_dir().join(format!("mod_wsgi-defaults-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (usr, local) = (dir.join("usr"), dir.join("local"));
        let found = || first_file(&[usr.clone(), local.clone()]);
        assert_eq!(found(), None);
        std::fs::write(&local, "").unwrap();
        assert_eq!(found(), Some(local.clone()));
        symlink("nowhere", &usr).unwrap();
        assert_eq!(found(), Some(local.clone()));
        std::fs::remove_file(&usr).unwrap();
        symlink("local", &usr).unwrap();
        assert_eq!(found(), Some(usr.clone()));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
