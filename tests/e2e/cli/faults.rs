//! What the command says when something is wrong, and its help.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn what_is_wrong_is_one_sentence_with_what_to_do() {
    let h = site();
    let path = |name: &str| h.dir().join(name).to_str().expect("a name").to_owned();
    let taken = std::net::TcpListener::bind(("0.0.0.0", h.port())).expect("a port");
    let port = h.port().to_string();
    let other = site();
    let free = other.port().to_string();
    let nobody: &[&str] = &["serve", &path("shop.wsgi"), "--port", &free, "--user", "nobody-here"];
    let long = "x".repeat(90);
    for (words, status, said) in [
        (
            &["serve", &path("shop.wsgi"), "--server-root", &path(&long)][..],
            2,
            "name a shorter one with --server-root DIR",
        ),
        (&["serve", "nowhere.wsgi"][..], 2, "nowhere.wsgi does not exist; give a WSGI script, "),
        (
            &["serve", &path("shop.wsgi"), "--port", &port],
            1,
            " is in use already; stop what listens there, or choose another",
        ),
        // Who is not root cannot become anybody.
        if is_root() {
            (nobody, 2, "there is no user nobody-here; create it")
        } else {
            (&["serve"], 2, "lacks <APP>")
        },
        (
            &["serve", &path("shop.wsgi"), "--httpd", "/nowhere/httpd"],
            2,
            "there is no program /nowhere/httpd; ",
        ),
        (
            &["serve", &path("shop.wsgi"), "--document-root", "/nowhere"],
            2,
            "the document root /nowhere is not there; create it",
        ),
        (
            &["serve", &path("shop.wsgi"), "--port", &free, "--python", &path("logs")],
            1,
            "the lines above say why",
        ),
        (
            &["serve", &path("shop.wsgi"), "--prot", "80"],
            2,
            "there is no option --prot; did you mean --port?",
        ),
        (&["srve", &path("shop.wsgi")], 2, "there is no command srve; did you mean serve?"),
        (&["serve", &path("shop.wsgi"), "--processes", "many"], 2, "write a number, 1..4, or auto"),
    ] {
        let (code, _, stderr) = say(words);
        assert_eq!(code, Some(status), "{words:?}: {stderr}");
        assert!(stderr.contains(said), "{words:?}: {stderr}");
        let own = stderr.lines().filter(|line| line.starts_with("mod-wsgi: ")).count();
        assert_eq!(own, 1, "{stderr}");
    }
    drop(taken);
    if is_root() {
        fs::set_permissions(h.dir(), fs::Permissions::from_mode(0o700)).expect("mode");
        let (code, _, stderr) = say(&["serve", &path("shop.wsgi")]);
        assert_eq!(code, Some(1));
        assert!(stderr.contains("may not enter ") && stderr.contains("; run 'chmod o+x "), "{stderr}");
    }
}

#[test]
fn help_fits_a_screen() {
    for command in [
        "serve",
        "setup",
        "doctor",
        "module-config",
        "module-location",
        "install-module",
        "completions",
        "man",
        "start-server",
    ] {
        let (code, text, _) = say(&[command, "--help"]);
        assert_eq!(code, Some(0));
        assert!(text.lines().count() <= 50, "{command}: {} lines", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{command}:\n{text}");
    }
}

/// What cannot be configured is not served under another name.
#[test]
fn a_name_that_is_not_utf_8() {
    let (code, stdout, stderr) = answer(command().arg("serve").arg(OsStr::from_bytes(b"caf\xe9.wsgi")));
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("is not UTF-8") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn apache_ends_at_once() {
    let h = site();
    let (dir, port) = (h.directory(), h.port().to_string());
    let line = ["serve", "shop.wsgi", "--port", &port, "--directive", "WSGISocketPrefix /nowhere/run"];
    for (options, said) in [
        (&["--log-directory", "logs"][..], format!("the end of {}/logs/error_log says why", dir.display())),
        (&[], "); the lines above say why".to_owned()),
    ] {
        let (code, _, stderr) = answer(command().args(line).args(options).current_dir(&dir));
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("mod-wsgi: Apache has ended (") && stderr.contains(&said), "{stderr}");
    }
}

/// The first line stays the URL.
#[test]
fn an_alias_that_leads_nowhere() {
    let s = Served::start(site(), "serve shop.wsgi --port {port} --alias /static static");
    let log = s.log();
    let said = format!(
        "mod-wsgi: the alias /static leads to {}/static, which is not there; create that directory, or",
        s.dir.display()
    );
    assert!(log.starts_with("Serving shop.wsgi at http://") && log.contains(&said), "{log}");
    fs::create_dir(s.dir.join("static")).expect("a directory");
    fs::write(s.dir.join("static/x.txt"), "later").expect("a file");
    assert_eq!(s.get("/static/x.txt"), (200, "later".into()));
}

#[test]
fn a_script_for_the_environment() {
    let h = site().file("bad.sh", "exit 3\n");
    let (dir, port) = (h.directory(), h.port().to_string());
    for (script, status, said) in [
        ("none.sh", 2, "there is no script "),
        ("bad.sh", 1, "does not end well (exit status: 3); correct it"),
    ] {
        let line = [
            "start-server",
            "shop.wsgi",
            "--port",
            &port,
            "--server-root",
            "root",
            "--envvars-script",
            script,
        ];
        let (code, _, stderr) = answer(command().args(line).current_dir(&dir));
        assert_eq!(code, Some(status), "{stderr}");
        assert!(stderr.contains(said) && stderr.lines().count() == 1, "{stderr}");
    }
}

/// Whoever may write to it could have anything run by whoever serves.
#[test]
fn a_script_that_others_may_write_to() {
    let h = site().file("root/envvars", "").file("other.sh", "");
    let (dir, port) = (h.directory(), h.port().to_string());
    let (script, line) =
        (dir.join("root/envvars"), ["serve", "shop.wsgi", "--port", &port, "--server-root", "root"]);
    fs::set_permissions(&script, fs::Permissions::from_mode(0o666)).expect("its mode");
    let refused = |why: &str| {
        let (code, _, stderr) = answer(command().args(line).current_dir(&dir));
        assert_eq!(code, Some(1), "{stderr}");
        let said = format!("/root/envvars for the environment is not read: {why}");
        assert!(stderr.contains(&said) && stderr.lines().count() == 1, "{stderr}");
    };
    refused("others may write to it (mode 0666); run chmod go-w on it, or remove it");
    fs::remove_file(&script).expect("it goes");
    std::os::unix::fs::symlink(dir.join("other.sh"), &script).expect("a link");
    refused("it is a link, or no file");
}

#[test]
fn paste_without_its_package() {
    let h = httpd().file("site.ini", "[app:main]\npaste.app_factory = pages:factory\n");
    let dir = h.directory();
    let made = std::process::Command::new("/usr/bin/python3")
        .args(["-m", "venv", "--without-pip", "bare"])
        .current_dir(&dir)
        .status();
    skip_if!(!made.is_ok_and(|status| status.success()), "the system's python makes no environment");
    let (code, _, stderr) =
        answer(command().args(["serve", "site.ini", "--python", "bare"]).current_dir(&dir));
    assert_eq!(code, Some(1), "{stderr}");
    let said = format!("run: {}/bare/bin/python -m pip install PasteDeploy", dir.display());
    assert!(stderr.trim().ends_with(&said) && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn a_working_directory_that_is_closed() {
    skip_if!(!is_root(), "only root can serve as another user");
    let (h, closed) = (site(), site());
    fs::set_permissions(closed.dir(), fs::Permissions::from_mode(0o700)).expect("mode");
    let script = h.dir().join("shop.wsgi");
    let place = closed.dir().join("logs");
    let (script, place) = (script.to_str().expect("a name"), place.to_str().expect("a name"));
    let (code, _, stderr) = say(&["serve", script, "--user", "www-data", "--working-directory", place]);
    assert_eq!(code, Some(1), "{stderr}");
    let said = "or name another working directory with --working-directory DIR";
    assert!(stderr.contains("www-data may not enter ") && stderr.contains(said), "{stderr}");
}
