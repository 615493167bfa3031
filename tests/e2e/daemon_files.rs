//! What changes on disk below a running server: its python goes, its module is upgraded.

use std::fs;

use harness::poll::until;
use harness::*;

use crate::daemon::*;

/// A virtual environment of the test's own below the server's directory.
fn environment(h: &Httpd) {
    let to = h.dir().join("env");
    crate::run(h.dir(), "python", &["-m", "venv", "--without-pip", to.to_str().unwrap()]);
}

/// A restart with a python that is not there: the old processes serve on, the log says why, and the next restart mends it.
#[test]
fn the_python_of_a_group_is_gone_at_a_restart() {
    only_ours!("the original is linked to its python");
    let h = group("python-home={dir}/env", &version("v0"))
        .expect_log("WSGI1041: the python of process group 'g' cannot be used")
        // The harness names a python for the whole server.
        .allow_log("WSGI1097");
    environment(&h);
    let s = serving(h, 2);
    let old = loaded(&s);
    let load = load(&s);
    let (env, away) = (s.dir().join("env"), s.dir().join("away"));
    fs::rename(&env, &away).unwrap();
    load.mark("the python has gone");
    s.graceful();
    s.wait_log(&format!("wsgi:(crit|error|warn).*WSGI[0-9]+: .*{}", env.display()));
    load.goes_on(100);
    assert!(load.latest().iter().all(|a| old.contains(&pid(a))), "{:?}", load.latest());
    fs::rename(&away, &env).unwrap();
    load.mark("the python is back");
    s.graceful();
    others_serve(&load, &old);
    gone(&old);
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    settled(&s, 2);
}

/// Restart after restart without the python: no supervisor stays but the one whose processes serve, and the newest.
#[test]
fn restarts_without_the_python_of_a_group() {
    only_ours!("the original is linked to its python");
    let h = group("python-home={dir}/env", &version("v0"))
        .expect_log("WSGI1041: the python of process group 'g' cannot be used")
        // The harness names a python for the whole server.
        .allow_log("WSGI1097");
    environment(&h);
    let s = serving(h, 2);
    let old = settled(&s, 2);
    let (env, away) = (s.dir().join("env"), s.dir().join("away"));
    fs::rename(&env, &away).unwrap();
    for restarts in 1..=4 {
        s.graceful();
        until("the next supervisor", || {
            (s.logged("WSGI1032: supervisor").len() == 1 + restarts).then_some(())
        });
        assert_eq!(s.get("/app?x").status, 200, "after {restarts} restarts");
    }
    until("two supervisors", || (s.supervisors().len() == 2).then_some(()));
    assert!(old.iter().all(|pid| daemon::is_alive(*pid)), "the old processes serve");
    fs::rename(&away, &env).unwrap();
    s.graceful();
    gone(&old);
    settled(&s, 2);
}

/// The same for another group's python: this one is not concerned.
#[test]
fn the_python_of_another_group_is_gone_at_a_restart() {
    only_ours!("the original is linked to its python");
    let h = group("", &version("v0"))
        .config(
            "WSGIDaemonProcess other processes=1 threads=2 python-home={dir}/env
             WSGIScriptAlias /other {dir}/app.wsgi process-group=other application-group=%{GLOBAL}",
        )
        .expect_log("WSGI1041: the python of process group 'other' cannot be used");
    environment(&h);
    let s = serving(h, 3);
    let old = loaded(&s);
    let other = pid_of(&s.get("/other?x").text()).expect("a pid");
    let load = load(&s);
    fs::rename(s.dir().join("env"), s.dir().join("away")).unwrap();
    s.graceful();
    others_serve(&load, &old);
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    assert_eq!(pid_of(&s.get("/other?x").text()), Some(other), "the old process serves on");
}

/// Kills the workers one after another, with nobody in them, and finds that others take their place.
fn successors_come(s: &Server) {
    for n in 1..=2 {
        let victim = loaded(s).into_iter().find(|pid| daemon::is_alive(*pid)).expect("a worker");
        s.send(victim, libc::SIGKILL);
        gone(&[victim]);
        let load = load(s);
        newest(s, 2 + n);
        load.goes_on(20);
        let summary = load.stop();
        println!("{summary}");
        summary.assert_none_lost();
    }
    settled(s, 2);
}

/// Both files are replaced while the server runs, as a package manager does it, by a build that is not of the same
/// version: what runs goes on with what it was started with.
#[test]
fn an_upgrade_before_the_restart() {
    only_ours!("the original has one file");
    let killed = r"WSGI1029: process [0-9]+ of group 'g' .*signal 9 \(SIGKILL\)";
    let s = serving(group("", &version("v0")).expect_log(killed), 2);
    for name in ["mod_wsgi.so", "_mod_wsgi.abi3.so"] {
        let file = s.dir().join("module").join(name);
        let new = s.dir().join("module/new");
        fs::write(&new, "not a shared object at all").unwrap();
        fs::rename(&new, &file).unwrap();
    }
    successors_come(&s);
}

/// An upgrade that is one: after the restart the new files serve, and nobody notices.
#[test]
fn an_upgrade_and_a_restart() {
    only_ours!("the original has one file");
    let s = serving(group("", &version("v0")), 2);
    for name in ["mod_wsgi.so", "_mod_wsgi.abi3.so"] {
        let file = s.dir().join("module").join(name);
        let new = s.dir().join("module/new");
        fs::copy(&file, &new).unwrap();
        fs::rename(&new, &file).unwrap();
    }
    let old = loaded(&s);
    let load = load(&s);
    s.graceful();
    others_serve(&load, &old);
    gone(&old);
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    settled(&s, 2);
}
