//! The server root: the directory that has the configuration, the sockets and the logs of one site.

use crate::failure::{Failure, of_file};
use crate::identity::Identity;
use os::unistd::geteuid;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// A server root; one that nobody has named goes when it is dropped.
pub struct Root {
    path: PathBuf,
    is_temporary: bool,
}

impl Root {
    /// The named directory, made if need be, or a temporary one.
    pub fn new(named: Option<&Path>) -> Result<Self, Failure> {
        match named {
            Some(named) => Self::named(&crate::app::whole(named)?),
            None => Self::temporary(),
        }
    }

    fn named(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path.parent().unwrap_or(path)).map_err(of_file("create the server root", path))?;
        match DirBuilder::new().create(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(of_file("create the server root", path)(error)),
            Ok(()) => drop(open(path)?),
        }
        // Whoever owns it, or the link that leads to it, could put another configuration in the place of ours; so could others in a directory for everybody, as
        // /tmp is: it has the sticky bit. The volume of a container may be open and has nobody else.
        let look = of_file("look at the server root", path);
        let (link, data) =
            fs::symlink_metadata(path).and_then(|link| Ok((link, fs::metadata(path)?))).map_err(look)?;
        let own = geteuid().as_raw();
        if let Some(other) = [link.uid(), data.uid()].into_iter().find(|uid| *uid != own && *uid != 0) {
            return Err(Failure::new(format!(
                "the server root {} belongs to another user (#{other}); name another with --server-root DIR, or remove it",
                path.display()
            )));
        }
        if data.mode() & 0o1002 == 0o1002 {
            return Err(Failure::new(format!(
                "{} is for the files of everybody; name a directory in it with --server-root DIR",
                path.display()
            )));
        }
        Ok(Self { path: path.to_path_buf(), is_temporary: false })
    }

    fn temporary() -> Result<Self, Failure> {
        let place = std::env::temp_dir();
        let number = os::random().map_err(of_file("name a directory in", &place))?;
        let number: String = number[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = place.join(format!("mod-wsgi-{number}"));
        DirBuilder::new().create(&path).map_err(of_file("create the server root", &path))?;
        open(&path)?;
        Ok(Self { path, is_temporary: true })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it, put in the place of an old one as a whole.
    pub fn write(&self, name: &str, text: &str, mode: u32) -> Result<PathBuf, Failure> {
        let (to, new) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let _ = fs::remove_file(&new);
        let write = || {
            let mut file: File = File::options().write(true).create_new(true).mode(mode).open(&new)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            file.write_all(text.as_bytes())?;
            fs::rename(&new, &to)
        };
        write().map_err(of_file("write", &to))?;
        Ok(to)
    }

    /// A directory in it that Apache's children and the application may write to.
    pub fn directory(&self, name: &str, owner: Option<&Identity>) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(of_file("create", &path))?;
        let directory = open(&path)?;
        if let Some(Identity { ids: (uid, gid), .. }) = owner {
            fchown(&directory, Some(*uid), Some(*gid)).map_err(of_file("give away", &path))?;
        }
        Ok(path)
    }
}

/// Apache's children and the application may go in, whatever the umask is. A link that somebody has put there is not followed:
/// the directory that it leads to is none of ours.
fn open(path: &Path) -> Result<File, Failure> {
    let own = |at: &fs::Metadata| (at.is_dir(), at.dev(), at.ino());
    let look = || {
        let directory = File::open(path)?;
        let is_there = own(&directory.metadata()?) == own(&fs::symlink_metadata(path)?);
        if is_there {
            directory.set_permissions(Permissions::from_mode(0o755))?;
        }
        Ok((directory, is_there))
    };
    match look().map_err(of_file("open", path))? {
        (directory, true) => Ok(directory),
        _ => Err(Failure::new(format!(
            "{} is a link; remove it, so that a directory can be made there, or name another server root with --server-root DIR",
            path.display()
        ))),
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if self.is_temporary {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{lchown, symlink};

    #[test]
    fn a_link_in_it_is_not_followed() {
        let place = Root::temporary().expect("a directory");
        let (root, other) = (place.path().join("root"), place.path().join("other"));
        let root = Root::new(Some(&root)).expect("a root");
        fs::create_dir(&other).expect("a directory");
        fs::set_permissions(&other, Permissions::from_mode(0o700)).expect("its mode");
        symlink(&other, root.path().join("tmp")).expect("a link");
        let said = root.directory("tmp", None).expect_err("refused").to_string();
        assert!(said.contains("/root/tmp is a link; remove it"), "{said}");
        assert_eq!(fs::metadata(&other).expect("it is there").mode() & 0o777, 0o700);
        fs::remove_file(root.path().join("tmp")).expect("the link goes");
        assert!(root.directory("tmp", None).is_ok() && root.directory("tmp", None).is_ok());
    }

    #[test]
    fn a_root_is_nobody_elses() {
        let place = Root::temporary().expect("a directory");
        let root = |name: &str| Root::new(Some(&place.path().join(name)));
        assert!(root("new").is_ok() && root("new").is_ok(), "it may be there");
        let shared = place.path().join("shared");
        fs::create_dir(&shared).expect("a directory");
        fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("its mode");
        symlink(&shared, place.path().join("link")).expect("a link");
        for name in ["shared", "link"] {
            let said = root(name).err().expect("refused").to_string();
            assert!(said.contains("is for the files of everybody; name a directory in it"), "{said}");
        }
        if geteuid().is_root() {
            lchown(place.path().join("link"), Some(65_534), None).expect("another owner");
            let said = root("link").err().expect("refused").to_string();
            assert!(said.contains("belongs to another user (#65534)"), "{said}");
        }
    }
}
