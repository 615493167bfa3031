//! What a paste configuration needs beside itself.

use crate::app::App;
use crate::failure::Failure;
use crate::site::Site;
use pythons::Search;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Of a paste configuration: the python that runs it has paste.deploy, which reads it. Other faults of the python Apache names.
pub fn is_there(site: &Site) -> Result<(), Failure> {
    let App::Paste(file) = &site.app else { return Ok(()) };
    let user = site.user();
    let search = Search {
        home: site.python.as_deref(),
        said_by: "--python ",
        user: &user,
        deadline: Search::DEADLINE,
    };
    let Ok(python) = search.executable() else { return Ok(()) };
    let mut ask = Command::new(&python.executable);
    ask.args(["-P", "-c", "import paste.deploy"]).current_dir("/").stdin(Stdio::null());
    let paths =
        site.home.iter().chain(&site.args.python_path).filter_map(|place| crate::app::whole(place).ok());
    if let Ok(paths) = std::env::join_paths(paths) {
        ask.env("PYTHONPATH", paths);
    }
    if site.identity.is_some() {
        ask.uid(user.uid).gid(user.gid);
    }
    let said =
        ask.output().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    if !said.contains("ModuleNotFoundError: No module named 'paste") {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} needs the package PasteDeploy, which the python {} does not have; run: {} -m pip install PasteDeploy",
        file.display(),
        python.executable.display(),
        crate::text::shell(&python.executable.to_string_lossy())
    )))
}
