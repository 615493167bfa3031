//! The directory of a server. Who still needs it holds it, and with the last of them it goes.

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::{env, fs, process, thread};

use crate::os;

/// Held while the directory of all servers is made or removed.
static ROOT: Mutex<()> = Mutex::new(());

#[derive(Clone)]
pub struct Directory(Arc<Made>);

struct Made(PathBuf);

impl Directory {
    /// `$TMPDIR/wsgi-<pid>/<test>-<n>`, open to the children whatever the umask. Of a long name the end is enough: a UNIX
    /// socket in the directory has a path of 107 bytes at most.
    pub(crate) fn fresh() -> Self {
        let test = thread::current().name().unwrap_or("main").replace("::", ".");
        Self::named(&test[test.len().saturating_sub(40)..])
    }

    /// The same with a name that is not the test's: a shorter one, for a program that makes a socket some folders below.
    pub(crate) fn named(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let root = env::temp_dir().join(format!("wsgi-{}", process::id()));
        let dir = root.join(format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let _making = ROOT.lock();
        fs::create_dir_all(&dir).expect("directory of the test");
        for dir in [&root, &dir] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("mode of the directory");
        }
        Self(Arc::new(Made(dir)))
    }
}

impl Deref for Directory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0.0
    }
}

impl AsRef<Path> for Directory {
    fn as_ref(&self) -> &Path {
        self
    }
}

/// A test that fails leaves it, and so does one that was told to. All of it stays while anything is mounted in it, which may be
/// a part of the machine. The last one removes the directory of all.
impl Drop for Made {
    fn drop(&mut self) {
        let is_wanted = thread::panicking() || env::var_os("MOD_WSGI_TESTS_KEEP").is_some();
        if is_wanted || os::holds_a_mount(&self.0) {
            return;
        }
        let _ = fs::remove_dir_all(&self.0);
        let _removing = ROOT.lock();
        let _ = self.0.parent().map(fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_the_last_one() {
        let one = Directory::fresh();
        let (other, place) = (one.clone(), one.to_path_buf());
        drop(one);
        assert!(place.is_dir());
        drop(other);
        assert!(!place.exists());
    }
}
