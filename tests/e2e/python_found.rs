//! What `apache2 -t` says of a WSGIPythonHome that cannot be used: one sentence, with the remedy.
//!
//! What happens when it can, or no longer can, is in `python_runs.rs`.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use harness::*;

use crate::run;

/// Fails unless `apache2 -t` refuses the configuration with one WSGI line, a sentence that holds all of `parts`: it is the
/// answer.
#[track_caller]
fn refused(httpd: Httpd, parts: &[&str]) -> String {
    refused_as("WSGI1001", httpd, parts)
}

#[track_caller]
fn refused_as(number: &str, httpd: Httpd, parts: &[&str]) -> String {
    let test = httpd.configtest();
    let said: Vec<&str> = test.output.lines().filter(|line| line.contains("WSGI")).collect();
    assert!(
        !test.accepted && said.len() == 1,
        "one sentence expected, got:\n{}\n{}",
        test.output,
        test.config
    );
    let (_, sentence) = said[0].split_once(&format!("{number}: ")).unwrap_or_else(|| panic!("{said:?}"));
    for part in parts {
        assert!(sentence.contains(part), "\"{part}\" is not in: {sentence}");
    }
    let others = test.output.lines().filter(|line| !line.contains(number) && !line.contains("AH00014"));
    assert_eq!(others.collect::<Vec<_>>(), [""; 0], "more than one sentence");
    assert!(!sentence.contains("\\x"), "escaped bytes: {sentence}");
    sentence.to_owned()
}

/// A server whose WSGIPythonHome is `{dir}/home`, still to be made.
fn homed() -> (Httpd, PathBuf) {
    let httpd = httpd().no_python_home().config("WSGIPythonHome {dir}/home");
    let home = httpd.dir().join("home");
    (httpd, home)
}

/// `home/bin/python3` as a shell script.
fn scripted(text: &str) -> (Httpd, PathBuf) {
    let (httpd, home) = homed();
    let httpd = httpd.file("home/bin/python3", text);
    fs::set_permissions(home.join("bin/python3"), fs::Permissions::from_mode(0o755)).unwrap();
    (httpd, home)
}

/// A fresh virtual environment of the cell's Python.
pub fn make_venv(at: &Path) {
    run(Path::new("/"), "python", &["-m", "venv", "--without-pip", at.to_str().unwrap()]);
}

#[test]
fn missing() {
    let (httpd, home) = homed();
    let home = home.display().to_string();
    refused(httpd, &[&format!("{home} does not exist"), &format!("python3 -m venv {home}")]);
}

#[test]
fn no_python_in_it() {
    let (httpd, home) = homed();
    fs::create_dir_all(home.join("bin")).unwrap();
    refused(
        httpd,
        &[home.to_str().unwrap(), "holds no bin/python3", "name the root of a virtual environment"],
    );
}

#[test]
fn a_file() {
    let (httpd, home) = homed();
    let httpd = httpd.file("home", "");
    refused(httpd, &[home.to_str().unwrap(), "is not a directory", "name the root of a virtual environment"]);
}

#[test]
fn a_program_that_is_no_python() {
    for text in ["#!/bin/sh\necho I am not a python\n", "#!/bin/sh\necho nonsense >&2\nexit 3\n", "nonsense"]
    {
        let (httpd, home) = scripted(text);
        refused(
            httpd,
            &[home.join("bin/python3").to_str().unwrap(), "name the root of a virtual environment"],
        );
    }
}

/// A real one, as pyenv keeps it; it has not heard of `-P`.
#[test]
fn too_old() {
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".pyenv")));
    let versions = fs::read_dir(root.unwrap_or_default().join("versions")).into_iter().flatten().flatten();
    let is_old = |name: &str| ["3.10.", "3.9.", "3.8."].iter().any(|old| name.starts_with(old));
    let old: Vec<_> = versions.filter(|v| v.file_name().to_str().is_some_and(is_old)).collect();
    skip_if!(old.is_empty(), "no Python 3.8, 3.9 or 3.10 below pyenv");
    for version in old {
        let (httpd, home) = homed();
        // Often below a closed home directory. To refuse `-P` it needs its libpython and nothing else.
        for (from, files) in [("bin", "python3."), ("lib", "libpython3.")] {
            fs::create_dir_all(home.join(from)).unwrap();
            for file in fs::read_dir(version.path().join(from)).unwrap().flatten() {
                let name = file.file_name().into_string().unwrap();
                if name.starts_with(files) && !name.ends_with("-config") && !name.contains("gdb") {
                    fs::copy(file.path(), home.join(from).join(name)).unwrap();
                }
            }
        }
        let series = version.file_name().into_string().unwrap().rsplit_once('.').unwrap().0.to_owned();
        symlink(format!("python{series}"), home.join("bin/python3")).unwrap();
        let httpd = httpd.env("LD_LIBRARY_PATH", home.join("lib").to_str().unwrap());
        refused(httpd, &["bin/python3", "3.11", "oldest supported", "a later Python"]);
    }
}

/// Named by its own path, or by a link to it.
#[test]
fn behind_a_closed_directory() {
    for name in ["closed/deeper/home", "link"] {
        let httpd = httpd().no_python_home().config(&format!("WSGIPythonHome {{dir}}/{name}"));
        let closed = httpd.dir().join("closed");
        make_venv(&closed.join("deeper/home"));
        symlink("closed/deeper/home", httpd.dir().join("link")).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let closed = closed.to_str().unwrap();
        refused(httpd, &["www-data", &format!("may not enter {closed} "), &format!("'chmod o+x {closed}'")]);
    }
}

/// Something in root's home directory, which is closed to others; removed with the value.
struct AtRoots(PathBuf);

impl AtRoots {
    /// None: the directory is open to others on this machine.
    fn new(name: &str) -> Option<Self> {
        let home = Path::new("/root");
        let closed = fs::metadata(home).is_ok_and(|data| data.permissions().mode() & 0o001 == 0);
        let place = home.join(format!(".mod_wsgi-tests-{}-{name}", std::process::id()));
        (closed && is_root()).then(|| {
            fs::create_dir(&place).unwrap();
            Self(place)
        })
    }
}

impl Drop for AtRoots {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whatever leads into somebody's home directory, no sentence advises to open it.
#[test]
fn in_a_home_directory() {
    let roots = AtRoots::new("home");
    skip_if!(roots.is_none(), "root's home directory is open");
    let place = &roots.as_ref().unwrap().0;
    let venv = place.join("venv");
    make_venv(&venv);
    let elsewhere = |httpd: Httpd, home: &str, remedy: &str| {
        let sentence =
            refused(httpd.config(&format!("WSGIPythonHome {home}")), &["may not enter /root ", remedy]);
        assert!(!sentence.contains("chmod"), "{sentence}");
    };
    let named = httpd().no_python_home();
    elsewhere(named, venv.to_str().unwrap(), "create the environment elsewhere");
    // A part of it, and one that is not there.
    for name in ["bin/python", "lib", "nowhere"] {
        elsewhere(
            httpd().no_python_home(),
            venv.join(name).to_str().unwrap(),
            "create the environment elsewhere",
        );
    }
    // A link to it.
    let link = httpd().no_python_home();
    symlink(&venv, link.dir().join("link")).unwrap();
    elsewhere(link, "{dir}/link", "create the environment elsewhere");
    // An environment that was made with a python of root's.
    let based = httpd().no_python_home();
    let home = based.dir().join("home");
    make_venv(&home);
    fs::remove_file(home.join("bin/python")).unwrap();
    symlink(venv.join("bin/python"), home.join("bin/python")).unwrap();
    elsewhere(based, "{dir}/home", &format!("venv --clear {}", home.display()));
    // The same, with the python copied: it does not find its standard library.
    let failing = "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'encodings'\" >&2\nexit 1\n";
    let copied = httpd()
        .no_python_home()
        .file("home/pyvenv.cfg", format!("home = {}/bin\nversion = 3.12.1\n", venv.display()))
        .file("home/bin/python", failing);
    let home = copied.dir().join("home");
    fs::set_permissions(home.join("bin/python"), fs::Permissions::from_mode(0o755)).unwrap();
    elsewhere(copied, "{dir}/home", &format!("venv --clear {}", home.display()));
}

/// The same for the python of a process group.
#[test]
fn a_group_in_a_home_directory() {
    let roots = AtRoots::new("group");
    skip_if!(roots.is_none(), "root's home directory is open");
    let venv = roots.as_ref().unwrap().0.join("venv");
    make_venv(&venv);
    let group = format!("WSGIDaemonProcess away python-home={}", venv.display());
    let words = ["may not enter /root ", "create the environment elsewhere"];
    let sentence = refused_as("WSGI1041", httpd().no_group().config(&group), &words);
    assert!(!sentence.contains("chmod"), "{sentence}");
}

/// A part of an environment, or the project around one: the one that is meant is named.
#[test]
fn not_the_root_of_it() {
    let series = format!("python{}", python());
    let parts = [
        format!("lib/{series}/site-packages"),
        format!("lib/{series}"),
        format!("lib/{series}/site-packages/"),
        format!("lib/{series}/site-packages/missing"),
        "lib".into(),
        "lib64".into(),
        "include".into(),
        "bin/activate".into(),
        "pyvenv.cfg".into(),
        "pyvenv.cfg/bin".into(),
    ];
    for part in parts {
        let httpd = httpd().no_python_home().config(&format!("WSGIPythonHome {{dir}}/home/{part}"));
        let home = httpd.dir().join("home");
        make_venv(&home);
        let meant = format!("write WSGIPythonHome {}", home.display());
        refused(httpd, &["is part of", &meant]);
    }
    let linked = httpd().no_python_home().config("WSGIPythonHome {dir}/current");
    make_venv(&linked.dir().join("home"));
    symlink("home/lib", linked.dir().join("current")).unwrap();
    let meant = format!("write WSGIPythonHome {}", linked.dir().join("home").display());
    refused(linked, &["is part of", &meant]);

    let project = httpd().no_python_home().config("WSGIPythonHome {dir}/site").file("site/manage.py", "");
    let venv = project.dir().join("site/.venv");
    make_venv(&venv);
    refused(project, &["contains an environment", &format!("write WSGIPythonHome {}", venv.display())]);

    let group = httpd().no_group().config("WSGIDaemonProcess g python-home={dir}/home/lib");
    let home = group.dir().join("home");
    make_venv(&home);
    refused_as("WSGI1041", group, &["is part of", &format!("write python-home={}", home.display())]);
}

/// The files of an installation's python stand beside those of others.
#[test]
fn a_part_of_an_installation() {
    let modules = "/usr/lib/python3";
    skip_if!(!Path::new(modules).is_dir(), "not laid out as Debian is");
    let named = |home: &str| httpd().no_python_home().config(&format!("WSGIPythonHome {home}"));
    refused(named("/usr/lib/python3"), &["write WSGIPythonHome /usr"]);
    refused(named("/usr/lib/apache2"), &["/usr/lib/apache2 holds no bin/python3"]);
}

/// As venv links them: `python` to `python3`, that to the base.
#[test]
fn base_is_gone() {
    let (httpd, home) = homed();
    make_venv(&home);
    for (name, target) in [("python", "python3"), ("python3", "/nowhere/bin/python3")] {
        fs::remove_file(home.join("bin").join(name)).unwrap();
        symlink(target, home.join("bin").join(name)).unwrap();
    }
    let home = home.display();
    refused(httpd, &["/nowhere/bin/python3", "gone", &format!("python3 -m venv --clear {home}")]);
}

/// The cell's python, with a `sysconfig` that says how it was built.
fn built(variables: &str) -> Httpd {
    let python = venv().join("bin/python");
    let text = format!("#!/bin/sh\nPYTHONPATH=${{0%/bin/*}}/fake exec {} \"$@\"\n", python.display());
    scripted(&text).0.file("home/fake/sysconfig.py", format!("get_config_var = dict({variables}).get\n"))
}

#[test]
fn no_shared_libpython() {
    let httpd = built("Py_ENABLE_SHARED=0, LDLIBRARY='libpython3.a', LIBDIR='/nowhere'");
    refused(httpd, &["bin/python3", "without a shared libpython", "--enable-shared"]);
    let httpd = built("Py_ENABLE_SHARED=1, INSTSONAME='libpython3.99.so.1.0', LIBDIR='/nowhere'");
    let install = format!("apt install libpython{}", python());
    refused(httpd, &["bin/python3", "libpython3.99.so.1.0", &install]);
}

#[test]
fn hangs() {
    let (httpd, home) = scripted("#!/bin/sh\nexec sleep 60\n");
    let begun = Instant::now();
    refused(httpd, &[home.join("bin/python3").to_str().unwrap(), "did not answer within 10 s", "try '"]);
    assert_within(begun, 12.0, "the check");
}

#[test]
fn another_libpython_is_there() {
    let other = Path::new("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0");
    skip_if!(!other.exists(), "the distribution's libpython is another one");
    let other = other.to_str().unwrap();
    refused_as("WSGI1002", httpd().config(&format!("LoadFile {other}")), &[other, "two Pythons", "remove"]);
}

/// What only Apache's children cannot have is no business of process groups, which have pythons of their own.
#[test]
fn nobody_wants_it_in_children() {
    let other = "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0";
    skip_if!(!Path::new(other).exists(), "the distribution's libpython is another one");
    let venv = venv().display().to_string();
    let h = || {
        httpd().no_python_home().no_group().config(&format!(
            "LoadFile {other}\nWSGIDaemonProcess group processes=1 threads=2 python-home={venv}"
        ))
    };
    let s = h()
        .config(
            "
            WSGIScriptAlias /named {apps}/show.wsgi process-group=group
            <VirtualHost *:{port}>
                WSGIProcessGroup group
                WSGIScriptAlias /host {apps}/show.wsgi
            </VirtualHost>",
        )
        .start();
    for target in ["/named", "/host"] {
        assert_eq!(s.get(target).json()["sys"]["prefix"], *venv, "{target}");
    }
    let words = [other, "two Pythons"];
    for line in [
        "WSGIScriptAlias / {apps}/show.wsgi",
        "WSGIScriptAlias / {apps}/show.wsgi process-group=%{GLOBAL}",
        "WSGIScriptAlias / {apps}/show.wsgi process-group=%{ENV:GROUP}",
        "WSGIImportScript {apps}/show.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}",
    ] {
        refused_as("WSGI1002", h().config(line), &words);
    }
}
