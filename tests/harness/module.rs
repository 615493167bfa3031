//! The files of the module under test, and a copy of them for every server.
//!
//! Nine tenths of what cargo builds is debug information. Copied for each of a thousand servers it was a fifth of the
//! processor time of a run, so it is taken off once, and the servers have links to one file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{env, fs, process};

use crate::cell::{Subject, repository, subject};
use crate::sanitizer;

/// Name of the file that `LoadModule` loads.
pub fn name() -> String {
    file_name(&files()[0])
}

/// Puts the files into the directory of a server. They may be renamed and replaced there, not written to.
pub fn place(to: &Path) {
    static STRIPPED: OnceLock<Vec<PathBuf>> = OnceLock::new();
    for file in STRIPPED.get_or_init(|| files().iter().map(|file| stripped(file)).collect()) {
        let to = to.join(file_name(file));
        // /tmp may be another file system.
        fs::hard_link(file, &to)
            .or_else(|_| fs::copy(file, &to).map(drop))
            .unwrap_or_else(|e| panic!("copying {}: {e}", file.display()));
    }
}

fn file_name(file: &Path) -> String {
    file.file_name().expect("name of the module").to_string_lossy().into_owned()
}

/// A copy without debug information below target/tests, made anew when the file has another time or is another one. The
/// sanitizer's reports name lines, so its files stay whole.
fn stripped(file: &Path) -> PathBuf {
    if sanitizer::on() {
        return file.to_owned();
    }
    let modified = |file: &Path| fs::metadata(file).and_then(|m| m.modified());
    let time = modified(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_nanos();
    let dir = repository().join("target/tests/stripped").join(since.to_string());
    let (to, new) = (dir.join(file_name(file)), dir.join(format!("new-{}", process::id())));
    if modified(&to).is_ok() {
        return to;
    }
    fs::create_dir_all(&dir).expect("directory of stripped files");
    let done = Command::new("strip").args(["--strip-debug", "-o"]).arg(&new).arg(file).status();
    assert!(done.is_ok_and(|status| status.success()), "strip {}", file.display());
    fs::rename(&new, &to).expect("stripped file");
    to
}

/// What was built, `mod_wsgi.so` (or the original's) first.
fn files() -> Vec<PathBuf> {
    match subject() {
        Subject::Ours => {
            let dir =
                env::var_os("MOD_WSGI_DIR").map_or_else(|| repository().join("target/module"), PathBuf::from);
            let files = vec![dir.join("mod_wsgi.so"), dir.join("_mod_wsgi.abi3.so")];
            for file in &files {
                assert!(
                    file.exists(),
                    "{} is not there: build the module, or set MOD_WSGI_DIR",
                    file.display()
                );
            }
            files
        }
        Subject::ModWsgi => vec![original_module()],
    }
}

/// The original's module as `tests/setup/peer.sh` installed it: the one file `mod_wsgi-py3*.so` of its environment.
fn original_module() -> PathBuf {
    for place in [repository().join("target/peer/lib"), "/var/tmp/mod_wsgi-peer/lib".into()] {
        for python in fs::read_dir(place).into_iter().flatten().flatten() {
            let server = python.path().join("site-packages/mod_wsgi/server");
            for file in fs::read_dir(server).into_iter().flatten().flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                if name.starts_with("mod_wsgi-py3") && name.ends_with(".so") {
                    return file.path();
                }
            }
        }
    }
    panic!("the original mod_wsgi is not installed: run tests/setup/peer.sh")
}
