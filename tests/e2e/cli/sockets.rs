//! The sockets over which a running server answers `mod-wsgi`: who may use them, and that none is left.

use std::os::unix::process::CommandExt;

use super::live::{asked, stuck};
use super::*;

/// Root and Apache's user may ask, others may not.
#[test]
fn others_are_refused() {
    only_ours!("the original has no such command");
    skip_if!(!is_root(), "only root can be somebody else");
    let s = stuck().start();
    assert_eq!(s.get("/app/x").status, 200);
    let run = s.dir().join("run");
    let (status, out, errors) =
        answer(command().args(["status", "--socket-directory"]).arg(&run).uid(1_234_567).gid(1_234_567));
    assert_eq!((status, out.as_str()), (Some(1), ""), "{errors}");
    assert!(errors.ends_with("only root and www-data may ask this server; run this with sudo\n"), "{errors}");
    // Nor does it help to know where the sockets are.
    let pids: Vec<u32> =
        sockets(&s).iter().filter_map(|name| name.rsplit('/').next()?.parse().ok()).collect();
    for name in sockets(&s) {
        let connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
        let mut python = Command::new("/usr/bin/python3");
        let (_, _, errors) = answer(python.args(["-c", connect, &name]).uid(1_234_567).gid(1_234_567));
        assert!(errors.contains("PermissionError"), "{name}: {errors}");
    }
    assert!(pids.len() >= 2 || mode() == Mode::Embedded, "{pids:?}");
    let id = |option| {
        let output = Command::new("id").args([option, "www-data"]).output().expect("id runs");
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().expect("a number")
    };
    let mut apaches = command();
    apaches.args(["requests", "--socket-directory"]).arg(&run).uid(id("-u")).gid(id("-g"));
    assert_eq!(answer(&mut apaches).0, Some(0));
}

/// The sockets of a server, and its directories.
fn sockets(s: &Server) -> Vec<String> {
    let mut found = Vec::new();
    let mut directories = vec![s.dir().join("run")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_ours = path.to_string_lossy().contains(".ask");
            if path.is_dir() && is_ours {
                directories.push(path);
            } else if is_ours {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// Each living process has one, and no other: after a restart, when one was killed, and at the end.
#[test]
fn sockets_go_with_their_processes() {
    only_ours!("the original has no such command");
    let s = stuck().allow_log("WSGI1029: ").start();
    assert_eq!(s.get("/app/x").status, 200);
    let are_of_the_living = |old: &[String]| {
        let all = sockets(&s);
        let lives = |name: &String| {
            let pid = name.rsplit('/').next().and_then(|pid| pid.parse::<u32>().ok());
            pid.is_some_and(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists())
        };
        (!all.is_empty() && all.iter().all(lives) && !all.iter().any(|name| old.contains(name))).then_some(())
    };
    until("sockets", || are_of_the_living(&[]));
    let old = sockets(&s);
    s.graceful();
    until("those of the next processes alone", || are_of_the_living(&old));
    assert_eq!(s.get("/app/x").status, 200);
    if mode() == Mode::Daemon {
        let pid: u32 = s.get("/app/x").text().parse().expect("a pid");
        s.send(pid, libc::SIGKILL);
        until("no socket of the one that was killed", || {
            (!sockets(&s).iter().any(|name| name.ends_with(&format!("/{pid}")))).then_some(())
        });
    }
    let run = s.dir().join("run");
    s.stop();
    let left: Vec<_> = fs::read_dir(run).expect("a directory").flatten().map(|entry| entry.path()).collect();
    assert!(!left.iter().any(|path| path.to_string_lossy().contains(".ask")), "{left:?}");
    let (status, _, errors) = asked(&s, &["status"]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("Apache is not running with this mod_wsgi"), "{errors}");
}

/// A site of the command's own.
#[test]
fn a_site_of_serve_is_asked() {
    let h = site();
    let root = h.dir().join("root");
    let s = Served::start(h, "serve shop.wsgi --port {port} --server-root {dir}/root");
    assert_eq!(s.get("/a").0, 200);
    let (status, text, errors) = answer(command().args(["status", "--server-root"]).arg(&root));
    assert_eq!(status, Some(0), "{errors}");
    assert!(text.contains("Group shop: serving"), "{text}");
}

/// Where Apache's user could put a link in the place of root's directory there is none, and everything else is served.
#[test]
fn root_makes_no_sockets_where_others_write() {
    only_ours!("the original has no such command");
    skip_if!(!is_root(), "only root has something to lose");
    let h = stuck().allow_log("WSGI1112: ");
    let s = h.config("WSGISocketPrefix {dir}/state/wsgi").start();
    assert_eq!(s.get("/app/x").status, 200);
    s.wait_log("wsgi:warn.*WSGI1112: .*'.*/state/wsgi.[0-9]+.ask' cannot be made: .*'.*/state' is around it and it is not root's");
    assert_eq!(s.logged("WSGI1112: ").len(), 1);
    let names = fs::read_dir(s.dir().join("state")).expect("a directory").flatten();
    assert!(names.into_iter().all(|entry| !entry.file_name().to_string_lossy().ends_with(".ask")));
}

/// A parent that ends because it cannot read its configuration again leaves nothing.
#[test]
fn nothing_is_left_by_a_restart_that_fails() {
    only_ours!("the original has no such command");
    let s = stuck().allow_log("AH00526|Nonsense|AH00020|AH00494").start();
    assert_eq!(s.get("/app/x").status, 200);
    assert!(!sockets(&s).is_empty());
    let conf = s.read_file("httpd.conf");
    s.write_file("httpd.conf", &(conf + "\nNonsense\n"));
    s.graceful();
    let run = s.dir().join("run");
    let left = || fs::read_dir(&run).expect("a directory").flatten().map(|entry| entry.path());
    until("nothing to be left", || {
        (!left().any(|path| path.to_string_lossy().contains(".ask"))).then_some(())
    });
}
