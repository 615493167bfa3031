//! Apache, as it is on this machine: its program, where its modules are, and which of them are compiled in.

use crate::args::Places;
use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where distributions and httpd's own `make install` have the program.
const PROGRAMS: [&str; 6] = [
    "/usr/sbin/apache2",
    "/usr/sbin/httpd",
    "/usr/local/apache2/bin/httpd",
    "/usr/local/sbin/httpd",
    "/opt/httpd/bin/httpd",
    "/usr/bin/httpd",
];

/// Where they have its modules. Its own directory is the first: one machine may have two of them, with other modules.
const MODULES: [&str; 7] = [
    "modules",
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/local/apache2/modules",
    "/usr/lib/apache2",
    "/usr/local/libexec/apache24",
];

/// Where Python's installers have packages, below the prefix that has `bin/mod-wsgi`.
const PACKAGES: [&str; 2] = ["site-packages", "dist-packages"];

/// The module, and the engine beside it.
pub const MODULE: &str = "mod_wsgi.so";
/// The engine, by which the module is known to be ours.
pub const ENGINE: &str = "_mod_wsgi.abi3.so";

/// Apache on this machine.
#[derive(Clone, Debug)]
pub struct Httpd {
    /// Its program.
    pub program: PathBuf,
    /// Where its modules are.
    pub modules: PathBuf,
    /// `2.4.62`
    pub version: String,
    /// Modules that are part of the program: `core`, `mod_so`.
    compiled: Vec<String>,
}

impl Httpd {
    /// Finds it, and asks it what it is.
    pub fn find(places: &Places) -> Result<Self, Failure> {
        let program = program(places)?;
        let ask = |option: &str| {
            let output = Command::new(&program).arg(option).output().map_err(|error| {
                Failure::new(format!(
                    "{} cannot be run: {error}; name Apache's program with --httpd FILE",
                    program.display()
                ))
            })?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (about, list) = (ask("-V")?, ask("-l")?);
        let version = about.split("Apache/").nth(1).and_then(|rest| rest.split_whitespace().next());
        let version = version.ok_or_else(|| {
            Failure::new(format!(
                "{} does not answer as Apache httpd does; name Apache's program with --httpd FILE",
                program.display()
            ))
        })?;
        let compiled =
            list.lines().filter_map(|line| line.trim().strip_suffix(".c")).map(str::to_owned).collect();
        let root = about.lines().find_map(|line| line.trim().strip_prefix("-D HTTPD_ROOT=\""));
        let root = PathBuf::from(root.map_or("/", |rest| rest.trim_end_matches('"')));
        let modules = modules(places, &root)?;
        Ok(Self { version: version.to_owned(), compiled, modules, program })
    }

    /// The line that loads a module, by its short name: none if it is part of the program.
    pub fn load(&self, name: &str) -> Result<Option<String>, Failure> {
        let is_part = |file: &String| *file == format!("mod_{name}") || *file == name;
        if self.compiled.iter().any(is_part) {
            return Ok(None);
        }
        let file = self.modules.join(format!("mod_{name}.so"));
        if !file.is_file() {
            return Err(Failure::new(format!(
                "Apache's module {name} is not in {}; install the package that has mod_{name}.so, or name its directory \
                 with --modules-directory DIR",
                self.modules.display()
            )));
        }
        Ok(Some(format!("LoadModule {name}_module {}", crate::text::quoted(&file.to_string_lossy())?)))
    }

    /// Whether a module is there, by its short name.
    pub fn has(&self, name: &str) -> bool {
        self.load(name).is_ok()
    }

    /// The MPM that is meant, or the first that is there.
    pub fn mpm(&self, wanted: Option<&str>) -> Result<String, Failure> {
        const KNOWN: [&str; 3] = ["event", "worker", "prefork"];
        if let Some(own) = KNOWN.iter().find(|name| self.compiled.contains(&(*name).to_string())) {
            return Ok((*own).to_owned());
        }
        let wanted: Vec<&str> = wanted.map_or(KNOWN.to_vec(), |names| names.split(',').collect());
        if let Some(other) = wanted.iter().find(|name| !KNOWN.contains(name)) {
            return Err(Failure::usage(format!("--mpm {other} is unknown; write event, worker or prefork")));
        }
        let found = wanted.iter().find(|name| self.has(&format!("mpm_{name}")));
        found.map(|name| (*name).to_owned()).ok_or_else(|| {
            Failure::new(format!(
                "{} has no MPM ({}); name the directory of Apache's modules with --modules-directory DIR",
                self.modules.display(),
                wanted.iter().map(|name| format!("mod_mpm_{name}.so")).collect::<Vec<_>>().join(", ")
            ))
        })
    }
}

fn program(places: &Places) -> Result<PathBuf, Failure> {
    let named = std::env::var_os("HTTPD").filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = places.httpd.clone().or(named) {
        if named.is_file() {
            return Ok(named);
        }
        return Err(Failure::usage(format!(
            "there is no program {}; name Apache's with --httpd FILE or HTTPD",
            named.display()
        )));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).flat_map(|place| [place.join("apache2"), place.join("httpd")]);
    PROGRAMS.iter().map(PathBuf::from).chain(in_path).find(|file| file.is_file()).ok_or_else(|| {
        Failure::new(
            "Apache is not installed here; install it (Debian: apt install apache2, Fedora: dnf install httpd), or name \
             its program with --httpd FILE",
        )
    })
}

fn modules(places: &Places, root: &Path) -> Result<PathBuf, Failure> {
    if let Some(named) = &places.modules_directory {
        return crate::app::whole(named);
    }
    let has_modules =
        |place: &PathBuf| ["mod_authz_core.so", "mod_alias.so"].iter().any(|file| place.join(file).is_file());
    let known = MODULES.iter().map(|place| root.join(place));
    known.chain(from_apxs()).find(has_modules).ok_or_else(|| {
        Failure::new(format!(
            "no directory with Apache's modules is known for a server in {}; name it with --modules-directory DIR",
            root.display()
        ))
    })
}

/// Where apxs says they are, if it is installed.
fn from_apxs() -> Option<PathBuf> {
    let output = ["apxs", "apxs2"]
        .iter()
        .find_map(|name| Command::new(name).args(["-q", "LIBEXECDIR"]).output().ok())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim())).filter(|place| place.is_absolute())
}

/// The module that this command came with, else the one in Apache's directory.
pub fn module(places: &Places, httpd: Option<&Httpd>) -> Result<PathBuf, Failure> {
    if let Some(named) = &places.module {
        let named = crate::app::whole(named)?;
        return if named.is_file() {
            Ok(named)
        } else {
            Err(Failure::usage(format!("there is no module {}; correct --module", named.display())))
        };
    }
    let beside = std::env::current_exe().ok().and_then(|own| own.canonicalize().ok());
    let mut places: Vec<PathBuf> = beside.iter().filter_map(|own| own.parent()).flat_map(around).collect();
    places.extend(httpd.map(|httpd| httpd.modules.clone()));
    places.extend(MODULES.iter().map(PathBuf::from).filter(|place| place.is_absolute()));
    let is_ours = |place: &&PathBuf| place.join(MODULE).is_file() && place.join(ENGINE).is_file();
    places.iter().find(is_ours).map(|place| place.join(MODULE)).ok_or_else(|| {
        Failure::new(format!(
            "{MODULE} with {ENGINE} beside it is neither near this command nor in Apache's directory of modules; install \
             it, or name it with --module FILE"
        ))
    })
}

/// Where the Pythons of this directory of libraries have packages.
pub fn packages(lib: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(lib).into_iter().flatten().flatten();
    let pythons = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"));
    pythons.flat_map(|python| PACKAGES.map(|name| python.path().join(name)))
}

/// Directories that may have the module, for a command in `bin`: where `make build` puts it, and the packages of the
/// Pythons of the same prefix.
fn around(bin: &Path) -> Vec<PathBuf> {
    let prefix = bin.parent().unwrap_or(bin);
    let mut places = vec![bin.to_path_buf(), prefix.join("module"), prefix.join("lib/mod_wsgi")];
    for lib in ["lib", "lib64"] {
        for package in packages(&prefix.join(lib)) {
            places.extend(["mod_wsgi", "mod_wsgi/server", "mod_wsgi/modules"].map(|name| package.join(name)));
        }
    }
    places
}
