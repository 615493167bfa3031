//! The environment that Apache has: what this command sets, and what a script of the site sets.

use crate::failure::{Failure, of_file};
use crate::site::Site;
use os::unistd::geteuid;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables of Apache's environment, beside those of this command; those of the site's own script are the last.
pub fn of_site(site: &Site, root: &Path) -> Result<Vec<(String, String)>, Failure> {
    let own = set_here(site, root).into_iter().map(|(name, value)| (name.to_owned(), value));
    let mut variables: Vec<(String, String)> = own.collect();
    let (script, is_named) = own_script(site, root)?;
    let there = if is_named { fs::metadata(&script).ok() } else { fs::symlink_metadata(&script).ok() };
    let Some(there) = there.filter(|there| !is_named || there.is_file()) else {
        return match is_named {
            true => Err(Failure::usage(format!(
                "there is no script {} for the environment; create it, or correct --envvars-script",
                script.display()
            ))),
            false => Ok(variables),
        };
    };
    let own = geteuid();
    let is_asked = !is_named || own.is_root();
    if let Some(why) = is_asked.then(|| foreign(&there, own.as_raw())).flatten() {
        return Err(Failure::new(format!(
            "the script {} for the environment is not read: {why}, or remove it",
            script.display()
        )));
    }
    let mut shell = Command::new("/bin/sh");
    shell.envs(variables.iter().map(|(name, value)| (name, value)));
    variables.extend(of_script(shell, &script)?);
    Ok(variables)
}

/// Why somebody else may have written what is in a file, and what to do about it.
fn foreign(there: &Metadata, own: u32) -> Option<String> {
    if !there.is_file() {
        return Some("it is a link, or no file; put a file in its place".into());
    }
    if there.uid() != own && there.uid() != 0 {
        return Some(format!("it belongs to another user (#{}); run chown on it", there.uid()));
    }
    let mode = there.mode() & 0o7777;
    (mode & 0o022 != 0).then(|| format!("others may write to it (mode {mode:04o}); run chmod go-w on it"))
}

/// The script that sets variables for the site, and whether the command line names it.
pub fn own_script(site: &Site, root: &Path) -> Result<(PathBuf, bool), Failure> {
    match &site.args.old.envvars_script {
        Some(file) => crate::app::whole(file).map(|file| (file, true)),
        None => Ok((root.join("envvars"), false)),
    }
}

/// What this command sets itself.
pub fn set_here(site: &Site, root: &Path) -> Vec<(&'static str, String)> {
    let mut variables = vec![("TMPDIR", root.join("tmp").display().to_string())];
    if let Some(locale) = &site.args.old.locale {
        variables.extend([("LANG", locale.clone()), ("LC_ALL", locale.clone())]);
    }
    if site.args.old.express {
        let name = site.args.server_name.first().or(site.host.as_ref()).map_or("localhost", String::as_str);
        variables.extend([
            ("MOD_WSGI_EXPRESS", "true".to_owned()),
            ("MOD_WSGI_SERVER_NAME", name.to_owned()),
            ("MOD_WSGI_SERVER_ROOT", root.display().to_string()),
            ("MOD_WSGI_HTTP_PORT", site.port.to_string()),
        ]);
        if site.args.reload {
            variables.push(("MOD_WSGI_RELOADER_ENABLED", "true".to_owned()));
        }
    }
    variables
}

/// The environment behind a script that a shell has read; `shell` is that shell, with the environment that it begins with.
pub fn of_script(mut shell: Command, script: &Path) -> Result<Vec<(String, String)>, Failure> {
    // What the script prints is not for the list. How its last command ends is of no account; a script that cannot be read ends the shell.
    shell.args(["-c", ". \"$0\" >&2; env -0"]).arg(script);
    let output = shell.output().map_err(of_file("run /bin/sh for", script))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Failure::new(format!(
            "the script {} for the environment does not end well ({}); correct it{}",
            script.display(),
            output.status,
            said.lines().last().map(|line| format!(": {line}")).unwrap_or_default()
        )));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = text.split('\0').filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_end_of_a_script_is_of_no_account() {
        let place = Root::new(None).expect("a directory");
        let read = |text: &str| {
            let script = place.write("envvars", text, 0o644).expect("a script");
            of_script(Command::new("/bin/sh"), &script)
        };
        let set = ("SET".to_owned(), "1".to_owned());
        for text in
            ["export SET=1\n", "export SET=1\nfalse\n", "export SET=1\n[ -f /no/such/file ] && echo there\n"]
        {
            assert!(read(text).expect("it is read").contains(&set), "{text}");
        }
        for text in ["export SET=1\nexit 3\n", "export SET=1\nif\n", "set -e\nfalse\n"] {
            let said = read(text).expect_err("refused").to_string();
            assert!(said.contains("does not end well"), "{text}: {said}");
        }
        assert!(of_script(Command::new("/bin/sh"), &place.path().join("none")).is_err());
    }

    #[test]
    fn what_others_may_write_to_is_foreign() {
        let place = Root::new(None).expect("a directory");
        let script = place.write("envvars", "", 0o644).expect("a script");
        let (link, own) = (place.path().join("link"), geteuid().as_raw());
        symlink(&script, &link).expect("a link");
        let why = |path: &Path, own: u32| foreign(&fs::symlink_metadata(path).expect("it is there"), own);
        assert_eq!(why(&script, own), None);
        assert!(why(&link, own).is_some_and(|why| why.starts_with("it is a link")));
        assert!(own == 0 || why(&script, own + 1).is_some_and(|why| why.contains("another user")));
        for mode in [0o664, 0o646] {
            fs::set_permissions(&script, Permissions::from_mode(mode)).expect("its mode");
            assert!(
                why(&script, own).is_some_and(|why| why.contains(&format!("(mode {mode:04o})"))),
                "{mode:o}"
            );
        }
    }
}
