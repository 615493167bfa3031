//! The pythons of the system, and libraries of this process.

use std::path::PathBuf;

/// The pythons that run when the configuration names none. PATH has no say: a root shell, systemd and cron each have another.
pub const DEFAULTS: [&str; 2] = ["/usr/bin/python3", "/usr/local/bin/python3"];

/// The python that runs when the configuration names none.
pub fn default_python() -> Option<PathBuf> {
    first_file(&DEFAULTS.map(PathBuf::from))
}

fn first_file(candidates: &[PathBuf]) -> Option<PathBuf> {
    candidates.iter().find(|file| file.is_file()).cloned()
}

/// A libpython that some other program part has loaded into this process.
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
