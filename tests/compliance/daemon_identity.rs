//! As whom and where the processes of a group run: user, home, umask, language, name.

use harness::*;
use serde_json::json;

use crate::{answering, serving, show, showing};

/// What an expression yields in a group with these options.
#[track_caller]
fn evaluated(options: &str, expression: &str) -> String {
    let s = serving(&answering(&format!("import pwd, grp, locale\nresult = {expression}")))
        .group(options)
        .start();
    s.get("/").text()
}

const IDS: &str =
    "[pwd.getpwuid(os.geteuid())[0], grp.getgrgid(os.getegid())[0], os.getuid() == os.geteuid()]";

#[test]
fn user_and_group() {
    daemon_only!();
    skip_if!(!is_root(), "needs root");
    assert_eq!(evaluated("", IDS), "['www-data', 'www-data', True]");
    assert_eq!(evaluated("user=daemon group=daemon", IDS), "['daemon', 'daemon', True]");
    assert_eq!(evaluated("user=#1 group=#1", IDS), "['daemon', 'daemon', True]");
}

#[test]
fn supplementary_groups() {
    daemon_only!();
    skip_if!(!is_root(), "needs root");
    let groups = "sorted(set(os.getgroups()) - {os.getegid()})";
    assert_eq!(
        evaluated("user=daemon group=daemon supplementary-groups=games,#60000", groups),
        "[60, 60000]"
    );
    assert_eq!(evaluated("user=daemon group=daemon", groups), "[]");
}

/// Without `home`, Apache's own directory, or the home of a user that is not Apache's.
#[test]
fn working_directory() {
    daemon_only!();
    skip_if!(!is_root(), "needs root");
    assert_eq!(evaluated("", "os.getcwd()"), "/");
    assert_eq!(evaluated("user=daemon group=daemon", "os.getcwd()"), "/usr/sbin");
}

#[test]
fn home() {
    daemon_only!();
    let s = showing().group("home={dir}/state").start();
    let all = show(&s, "/");
    let home = json!(s.dir().join("state").to_str().unwrap());
    assert_eq!((&all["cwd"], &all["sys"]["path"][0]), (&home, &home));
}

/// In front of everything else, in each interpreter.
#[test]
fn home_comes_first() {
    daemon_only!();
    let s = httpd()
        .script("app.wsgi", &answering("import thing\nresult = thing.NAME"))
        .script("state/thing.py", "NAME = 'home'\n")
        .script("one/thing.py", "NAME = 'path'\n")
        .group("home={dir}/state python-path={dir}/one")
        .config("WSGIScriptAlias /main {dir}/app.wsgi application-group=%{GLOBAL}")
        .config("WSGIScriptAlias / {dir}/app.wsgi")
        .start();
    assert_eq!(s.get("/").text(), "home");
    assert_eq!(s.get("/main").text(), "home");
}

/// HOME is the user's whatever Apache's is; names are replaced, not added.
#[test]
fn environment_names_the_user() {
    daemon_only!();
    skip_if!(!is_root(), "needs root");
    let s = showing().env("HOME", "/root").env("USER", "root").env("FROM_APACHE", "yes").start();
    let all = show(&s, "/")["os_environ"].clone();
    assert_eq!(all["HOME"], "/var/www");
    assert_eq!(all["USER"], "www-data");
    assert_eq!(all["FROM_APACHE"], "yes");
    assert!(all.get("LOGNAME").is_none() && all.get("USERNAME").is_none(), "{all}");
    drop(s);
    let s = showing().group("user=daemon group=daemon").env("LOGNAME", "root").start();
    let all = show(&s, "/")["os_environ"].clone();
    assert_eq!((&all["HOME"], &all["LOGNAME"]), (&json!("/usr/sbin"), &json!("daemon")));
}

#[test]
fn umask() {
    daemon_only!();
    assert_eq!(evaluated("umask=0027", "oct(os.umask(0))"), "0o27");
    assert_eq!(evaluated("umask=077", "oct(os.umask(0))"), "0o77");
}

#[test]
fn language() {
    daemon_only!();
    let environ = "(os.environ.get('LANG'), os.environ.get('LC_ALL'), locale.setlocale(locale.LC_ALL))";
    assert_eq!(evaluated("lang=C.UTF-8 locale=C.UTF-8", environ), "('C.UTF-8', 'C.UTF-8', 'C.UTF-8')");
    assert_eq!(evaluated("locale=C.UTF-8", environ), "(None, 'C.UTF-8', 'C.UTF-8')");
    assert_eq!(evaluated("lang=de_DE.UTF-8", "os.environ.get('LANG')"), "de_DE.UTF-8");
}

#[test]
fn unknown_locale_is_a_warning() {
    daemon_only!();
    let s = serving(&answering("result = os.environ['LC_ALL']"))
        .group("locale=no_SUCH")
        .expect_log("WSGI0079: ")
        .start();
    assert_eq!(s.get("/").text(), "no_SUCH");
}

/// What `ps` shows.
#[test]
fn display_name() {
    daemon_only!();
    for (option, shown) in [("%{GROUP}", "(wsgi:site)"), ("my-name", "my-name")] {
        let s = serving(&answering("result = os.getpid()"))
            .no_group()
            .config(&format!("WSGIDaemonProcess site display-name={option}\nWSGIProcessGroup site"))
            .start();
        let pid: u32 = s.get("/").text().parse().expect("a pid");
        let process = s.processes().into_iter().find(|p| p.pid == pid).expect("the process of the group");
        assert!(process.command.starts_with(shown), "{}", process.command);
    }
}

#[test]
fn priority() {
    daemon_only!();
    assert_eq!(evaluated("cpu-priority=7", "os.getpriority(os.PRIO_PROCESS, 0)"), "7");
}

/// Whether memory of this size is mapped, but for the page below that guards it.
#[test]
fn stack_size() {
    daemon_only!();
    let sizes = "[int(end, 16) - int(start, 16) for start, end in \
                 (line.split()[0].split('-') for line in open('/proc/self/maps'))]";
    let mapped = format!("any(size in (3_207_168, 3_211_264) for size in {sizes})");
    assert_eq!(evaluated("", &mapped), "False");
    assert_eq!(evaluated("stack-size=3211264", &mapped), "True");
}

/// The system doubles what it is asked for (socket(7)).
#[test]
fn buffers_of_the_socket() {
    daemon_only!();
    let script = answering(
        "
    import socket
    result = False
    for name in os.listdir('/proc/self/fd'):
        try:
            one = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with one:
            sizes = [one.getsockopt(socket.SOL_SOCKET, which) for which in (socket.SO_SNDBUF, socket.SO_RCVBUF)]
            result = result or (one.family == socket.AF_UNIX and sizes == [2 * 40000, 2 * 30000])",
    );
    for (options, expected) in [("", "False"), ("send-buffer-size=40000 receive-buffer-size=30000", "True")] {
        assert_eq!(serving(&script).group(options).start().get("/").text(), expected, "{options}");
    }
}

#[test]
fn python_eggs() {
    daemon_only!();
    assert_eq!(evaluated("python-eggs=/tmp", "os.environ.get('PYTHON_EGG_CACHE')"), "/tmp");
}

/// The group's own Python wins over the server's.
#[test]
fn python_home() {
    daemon_only!();
    let home = venv();
    let s = showing()
        .no_python_home()
        .group(&format!("python-home={}", home.display()))
        .config("WSGIRestrictEmbedded On")
        .start();
    assert_eq!(show(&s, "/")["sys"]["prefix"], home.to_str().unwrap());
}

#[test]
fn scripts_owner() {
    daemon_only!();
    skip_if!(!is_root(), "needs root");
    let s = serving(&answering("result = 'served'")).group("script-user=root").start();
    assert_eq!(s.get("/").text(), "served");
    drop(s);
    let s =
        serving(&answering("result = 'served'")).group("script-user=daemon").expect_log("WSGI0164: ").start();
    assert_eq!(s.get("/").status, 403);
    drop(s);
    let s = serving(&answering("result = 'served'"))
        .group("script-group=daemon")
        .expect_log("WSGI0155: ")
        .start();
    assert_eq!(s.get("/").status, 403);
}
