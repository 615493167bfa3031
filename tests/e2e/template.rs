//! What `django-admin` and `manage.py` make is made once in a run and written again for each test: an import of Django
//! each time was a tenth of the processor time of these tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::run;

/// Files by their path below a directory.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// `django-admin startproject NAME` in a directory.
pub fn start_project(dir: &Path, name: &str) {
    once(name, dir, name, || run(dir, "django-admin", &["startproject", name]));
}

/// Has `make` fill `dir/below`, or writes what it did the first time. `key` says which of the makers it is.
pub fn once(key: &str, dir: &Path, below: &str, make: impl FnOnce()) {
    static MADE: Mutex<BTreeMap<String, Files>> = Mutex::new(BTreeMap::new());
    // Held while it is made: whoever comes meanwhile wants it, too.
    let mut made = MADE.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(files) = made.get(key).cloned() {
        drop(made);
        for (path, content) in files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("a directory")).expect("directory of a template");
            fs::write(&path, content).expect("file of a template");
        }
    } else {
        make();
        let mut files = Files::new();
        collect(dir, Path::new(below), &mut files);
        made.insert(key.to_owned(), files);
    }
}

fn collect(dir: &Path, below: &Path, files: &mut Files) {
    let entries = fs::read_dir(dir.join(below)).expect("directory of a template");
    for entry in entries.flatten() {
        let path = below.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(dir, &path, files);
        } else {
            files.push((path.clone(), fs::read(dir.join(path)).expect("file of a template")));
        }
    }
}
