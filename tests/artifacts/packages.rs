//! The packages, made of what is built: two makings have the same bytes, they contain what they should, they need what they
//! say, and the wheel works in a virtual environment. `make test-packages` tries them on whole systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Subject, repository, subject};

/// Runs a command and answers what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// A directory that goes when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes .deb and wheel there; answers both.
fn make(place: &Path) -> [PathBuf; 2] {
    run(Command::new(repository().join("packaging/package")).args(["deb", "wheel", "--out"]).arg(place));
    let files: Vec<_> = fs::read_dir(place).expect("packages").flatten().map(|entry| entry.path()).collect();
    ["deb", "whl"].map(|kind| {
        files.iter().find(|file| file.extension().is_some_and(|e| e == kind)).expect("a package").clone()
    })
}

#[test]
fn packages() {
    if subject() != Subject::Ours {
        harness::skip("about our packages");
        return;
    }
    let place = Directory::new("packages");
    let [deb, wheel] = make(&place.0.join("one"));
    let again = make(&place.0.join("two"));
    for (first, second) in [&deb, &wheel].into_iter().zip(&again) {
        let same = fs::read(first).expect("bytes") == fs::read(second).expect("bytes");
        assert!(same, "{} differs from {}", first.display(), second.display());
    }
    check_deb(&deb);
    check_wheel(&wheel, &place.0.join("venv"));
}

fn check_deb(deb: &Path) {
    let list = run(Command::new("dpkg-deb").arg("-c").arg(deb));
    for file in [
        "./etc/apache2/mods-available/wsgi.conf",
        "./etc/apache2/mods-available/wsgi.load",
        "./usr/bin/mod-wsgi",
        "./usr/lib/apache2/modules/_mod_wsgi.abi3.so",
        "./usr/lib/apache2/modules/mod_wsgi.so",
        "./usr/share/doc/libapache2-mod-wsgi-rs/copyright",
        "./usr/share/man/man1/mod-wsgi.1.gz",
    ] {
        assert!(list.lines().any(|line| line.ends_with(&format!(" {file}"))), "no {file}:\n{list}");
    }
    assert!(list.lines().all(|line| line.contains(" root/root ")), "other owners:\n{list}");

    let field = |name: &str| run(Command::new("dpkg-deb").arg("-f").arg(deb).arg(name)).trim().to_owned();
    assert_eq!(field("Version"), format!("{}-1", env!("CARGO_PKG_VERSION")));
    let needs = field("Depends");
    // No version of Python alone: for each, the package asks for its library only where python3 is that version.
    let alone: Vec<_> = needs.split(", ").filter(|clause| clause.starts_with("libpython")).collect();
    assert_eq!(alone, [""; 0], "{needs}");
    assert!(!needs.contains("python3 (<< 3.12~), "), "{needs}");
    assert!(field("Conflicts").contains("libapache2-mod-wsgi-py3"));
}

fn check_wheel(wheel: &Path, venv: &Path) {
    let name = wheel.file_name().expect("a name").to_string_lossy();
    assert!(
        name.starts_with(&format!("mod_wsgi-{}-py3-none-manylinux_", env!("CARGO_PKG_VERSION"))),
        "{name}"
    );

    run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(venv));
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--no-index", "--no-compile"])
        .arg(wheel));
    // pip checks no hash of RECORD.
    run(Command::new(venv.join("bin/python")).args(["-c", VERIFY]));
    let about = run(Command::new(venv.join("bin/mod-wsgi")).arg("--version"));
    assert!(about.contains(env!("CARGO_PKG_VERSION")), "{about}");
    for command in ["mod-wsgi", "mod_wsgi-express"] {
        let module = run(Command::new(venv.join("bin").join(command)).arg("module-location"));
        assert!(Path::new(module.trim()).starts_with(venv), "{module}");
        assert!(Path::new(module.trim()).is_file(), "{module}");
    }
}

/// Checks the installed files against RECORD, and that the package says outside Apache that it is not inside.
const VERIFY: &str = r#"
import base64, hashlib, importlib.metadata
files = importlib.metadata.files("mod_wsgi")
checked = [f for f in files if f.hash]
for file in checked:
    digest = base64.urlsafe_b64encode(hashlib.sha256(file.locate().read_bytes()).digest()).rstrip(b"=").decode()
    assert file.hash.value == digest, file
assert len(checked) > 12, checked
import mod_wsgi, mod_wsgi.express.cli
assert not hasattr(mod_wsgi, "version")
"#;
