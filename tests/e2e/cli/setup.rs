//! `mod-wsgi setup`, and what is for an Apache that somebody else runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::daemon_scale::Quota;

#[test]
fn a_site_with_its_own_apachectl() {
    let h = site();
    let (dir, port) = (h.directory(), h.port());
    let root = dir.join("root");
    let words =
        ["setup", "shop.wsgi", "--server-root", "root", "--port", &port.to_string()].map(str::to_owned);
    let (code, stdout, stderr) = answer(command().args(words).current_dir(&dir));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains(&format!("http://localhost:{port}/")), "{stdout}");
    let control = |word: &str| {
        answer(Command::new(root.join("apachectl")).arg(word).env_clear().env("PATH", "/usr/bin:/bin"))
    };
    let (code, _, stderr) = control("configtest");
    assert_eq!((code, stderr.trim()), (Some(0), "Syntax OK"));
    let variables = root.join("envvars");
    fs::write(&variables, "false\n").expect("a script");
    fs::set_permissions(&variables, fs::Permissions::from_mode(0o664)).expect("its mode");
    let (code, _, stderr) = control("configtest");
    assert!(
        code == Some(1) && stderr.contains("/root/envvars for the environment is not read; "),
        "{stderr}"
    );
    fs::set_permissions(&variables, fs::Permissions::from_mode(0o644)).expect("its mode");
    assert_eq!(control("configtest").0, Some(0));
    assert_eq!(control("start").0, Some(0));
    let answer = until("an answer", || ask(port, "localhost", "/x"));
    let (code, _, stderr) = control("stop");
    assert!(answer.0 == 200 && answer.1.starts_with(" /x "), "{answer:?}");
    assert_eq!(code, Some(0), "{stderr}");
    until("the end", || (!root.join("httpd.pid").exists()).then_some(()));
    let log = fs::read_to_string(root.join("error_log")).expect("the log");
    assert!(!log.contains(":error]") && !log.contains(":warn]"), "{log}");
}

#[test]
fn lines_that_load_the_module() {
    let (code, stdout, _) = say(&["module-location"]);
    let module = stdout.trim().to_owned();
    assert!(code == Some(0) && module.ends_with("/mod_wsgi.so"), "{stdout}");
    let (code, stdout, _) = say(&["module-config", "--python", "/srv/venv"]);
    assert_eq!(
        (code, stdout),
        (Some(0), format!("LoadModule wsgi_module \"{module}\"\nWSGIPythonHome \"/srv/venv\"\n"))
    );
    let h = httpd();
    let to = h.dir().join("state");
    let (code, stdout, stderr) =
        say(&["install-module", "--modules-directory", to.to_str().expect("a name")]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.starts_with(&format!("LoadModule wsgi_module \"{}/mod_wsgi.so\"\n", to.display())),
        "{stdout}"
    );
    assert!(to.join("mod_wsgi.so").exists() && to.join("_mod_wsgi.abi3.so").exists());
}

#[test]
fn completions_and_manuals() {
    let (code, stdout, _) = say(&["completions", "bash"]);
    assert!(
        code == Some(0) && stdout.contains("--reload") && !stdout.contains("--http-directive"),
        "{stdout}"
    );
    let h = httpd();
    let to = h.dir().join("state/man");
    assert_eq!(say(&["man", to.to_str().expect("a name")]).0, Some(0));
    let page = fs::read_to_string(to.join("mod-wsgi-serve.1")).expect("a page");
    assert!(page.contains(".TH") && page.contains("server"), "{page}");
    assert!(to.join("mod-wsgi.1").exists());
}

/// As many clients as the processors of a container serve.
#[test]
fn within_a_quota() {
    let quota = Quota::of_one();
    skip_if!(quota.is_none(), "there is one processor, or no control group can be made here");
    let h = site();
    let dir = h.directory();
    let words = ["setup", "shop.wsgi", "--server-root", "root", "--threads", "50"];
    let enter = quota.iter().flat_map(Quota::enter).collect::<Vec<_>>();
    let own = command();
    let mut command = Command::new(&enter[0]);
    command.args(&enter[1..]).arg(own.get_program()).args(words).current_dir(&dir).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let (code, _, stderr) = answer(&mut command);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let config = fs::read_to_string(dir.join("root/httpd.conf")).expect("the configuration");
    assert!(config.contains("MaxRequestWorkers 100\n") && config.contains("processes=1..auto"), "{config}");
}
