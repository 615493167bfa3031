//! WSGIDaemonProcess and its neighbours as text: contexts, options, and the messages Apache prints when they are wrong.
//! What the processes do is not here.

use harness::{differs, httpd, only_ours};

#[track_caller]
fn refused(lines: &str, message: &str) {
    httpd().config(lines).expect_config_error(message);
}

#[track_caller]
fn accepted(lines: &str) {
    httpd().config(lines).expect_config_ok();
}

#[track_caller]
fn options_refused(options: &str, message: &str) {
    refused(&format!("WSGIDaemonProcess g {options}"), message);
}

/// With a ServerName, if any, above the lines.
fn in_host(server_name: &str, lines: &str) -> String {
    let name = if server_name.is_empty() { String::new() } else { format!("ServerName {server_name}\n") };
    format!("<VirtualHost *:{{port}}>\n{name}{lines}\n</VirtualHost>\n")
}

/// Loaded when a process of the group starts, so the group must be known already.
const USE: &str = "WSGIScriptAlias /a /none process-group=g application-group=x";
const DEFINE: &str = "WSGIDaemonProcess g";

#[test]
fn config_daemon_contexts() {
    accepted(DEFINE);
    accepted(&in_host("a", DEFINE));
    refused(
        &format!("<Directory /tmp>\n{DEFINE}\n</Directory>"),
        "WSGIDaemonProcess not allowed in <Directory> context",
    );
}

#[test]
fn config_daemon_options() {
    accepted(
        "WSGIDaemonProcess g processes=2 threads=5 umask=0007 home=/ lang=C locale=C.UTF-8 display-name=%{GROUP} \
         stack-size=1048576 python-path=/tmp python-eggs=/tmp switch-interval=0.01 server-metrics=On cpu-priority=5",
    );
    accepted(
        "WSGIDaemonProcess g maximum-requests=10 startup-timeout=1 shutdown-timeout=0 graceful-timeout=0 \
         eviction-timeout=1 deadlock-timeout=0 inactivity-timeout=1 request-timeout=1 interrupt-timeout=1 \
         restart-interval=1 cpu-time-limit=1 memory-limit=1000000000 virtual-memory-limit=1000000000",
    );
    accepted(
        "WSGIDaemonProcess g listen-backlog=5 connect-timeout=1 socket-timeout=1 queue-timeout=1 send-buffer-size=512 \
         receive-buffer-size=0 header-buffer-size=8192 response-buffer-size=65536 response-socket-timeout=1 \
         response-flush-delay=0 socket-user=www-data script-user=www-data",
    );
    accepted("WSGIDaemonProcess g user=www-data group=www-data supplementary-groups=www-data,#12345");
    accepted("WSGIDaemonProcess \"a b\" display-name='x y' lang=''");
}

#[test]
fn config_daemon_names() {
    refused("WSGIDaemonProcess", "Name of WSGI daemon process not supplied.");
    let twice = format!("{DEFINE}\n{DEFINE}");
    refused(&twice, "Name duplicates previous WSGI daemon definition.");
    refused(&format!("{}{DEFINE}", in_host("a", DEFINE)), "Name duplicates previous WSGI daemon definition.");
    refused(
        &(in_host("a", DEFINE) + &in_host("b", DEFINE)),
        "Name duplicates previous WSGI daemon definition.",
    );
    accepted(&format!("{DEFINE}\nWSGIDaemonProcess G"));
}

#[test]
fn config_daemon_unknown_options() {
    for word in ["nonsense", "unknown=1", "Threads=5", "=5"] {
        options_refused(word, "Invalid option to WSGI daemon process definition.");
    }
}

/// Options of old releases, which mod_wsgi 6 refuses: sites still have them.
#[test]
fn config_daemon_options_of_old_releases() {
    for option in ["newrelic-config-file=/x", "newrelic-environment=production"] {
        let test = httpd().config(&format!("WSGIDaemonProcess g threads=2 {option}")).configtest();
        let kept = differs(false, true, "what has no effect need not stop a site");
        assert_eq!(test.accepted, kept, "{}", test.output);
        if kept {
            let said = format!("{}= has no effect: ", option.split('=').next().unwrap());
            assert_eq!(test.output.matches(&said).count(), 1, "{}", test.output);
        }
    }
}

/// Numbers out of range; every option of a kind has the same text with its own thing in it.
#[test]
fn config_daemon_numbers() {
    for (setting, thing) in [
        ("processes=0", "process count"),
        ("threads=-1", "thread count"),
        ("threads=65534", "thread count"),
        ("umask=8", "umask"),
        ("stack-size=0", "stack size"),
        ("maximum-requests=-1", "request count"),
        ("startup-timeout=-1", "startup timeout"),
        ("shutdown-timeout=-1", "shutdown timeout"),
        ("graceful-timeout=-1", "graceful timeout"),
        ("eviction-timeout=-1", "eviction timeout"),
        ("deadlock-timeout=-1", "deadlock timeout"),
        ("inactivity-timeout=-1", "inactivity timeout"),
        ("request-timeout=-1", "request timeout"),
        ("interrupt-timeout=-1", "interrupt timeout"),
        ("restart-interval=-1", "restart interval"),
        ("cpu-time-limit=-1", "CPU time limit"),
        ("memory-limit=-1", "memory limit"),
        ("virtual-memory-limit=-1", "virtual memory limit"),
        ("listen-backlog=-1", "listen backlog"),
        ("connect-timeout=-1", "connect timeout"),
        ("socket-timeout=-1", "socket timeout"),
        ("queue-timeout=-1", "queue timeout"),
        ("response-socket-timeout=-1", "response socket timeout"),
        ("response-flush-delay=-1", "response flush delay"),
        ("switch-interval=0", "switch interval"),
        ("switch-interval=x", "switch interval"),
        ("server-metrics=maybe", "server metrics flag"),
    ] {
        options_refused(setting, &format!("Invalid {thing} for WSGI daemon process."));
        let (name, _) = setting.split_once('=').unwrap();
        options_refused(&format!("{name}="), &format!("Invalid {thing} for WSGI daemon process."));
    }
}

#[test]
fn config_daemon_buffers() {
    options_refused(
        "send-buffer-size=511",
        "Send buffer size must be >= 512 bytes, or 0 for system default.",
    );
    options_refused(
        "receive-buffer-size=511",
        "Receive buffer size must be >= 512 bytes, or 0 for system default.",
    );
    options_refused("header-buffer-size=8191", "Header buffer size must be >= 8192 bytes, or 0 for default.");
    options_refused(
        "response-buffer-size=65535",
        "Response buffer size must be >= 65536 bytes, or 0 for default.",
    );
}

#[test]
fn config_daemon_identity() {
    options_refused("user=root", "WSGI process blocked from running as root.");
    options_refused("user=#0", "WSGI process blocked from running as root.");
    options_refused("user=#123456", "Couldn't determine user name from uid.");
    options_refused("user=", "Invalid user for WSGI daemon process.");
    options_refused("group=", "Invalid group for WSGI daemon process.");
    options_refused("script-user=", "Invalid script user for WSGI daemon process.");
    options_refused("script-group=", "Invalid script group for WSGI daemon process.");
    options_refused("socket-user=", "Invalid socket user for WSGI daemon process.");
    options_refused(
        "script-user=www-data script-group=www-data",
        "Only one of script-user and script-group allowed.",
    );
    options_refused("home=relative", "Invalid home directory for WSGI daemon process.");
    // The tests may run as a user who cannot.
    options_refused("chroot=relative", "chroot");
}

/// What is loaded at start needs its group above, where it may use it.
#[test]
fn config_daemon_order() {
    let later = format!("{USE}\n{DEFINE}");
    refused(&later, "WSGI process group not yet configured.");
    accepted(&format!("{DEFINE}\n{USE}"));
    accepted(&format!("{DEFINE}\n{}", in_host("a", USE)));
    let import = "WSGIImportScript /none process-group=g application-group=%{GLOBAL}";
    refused(&format!("{import}\n{DEFINE}"), "WSGI process group not yet configured.");
    accepted(&format!("{DEFINE}\n{import}"));
    // A name that only requests use may be defined later, or never.
    accepted("WSGIProcessGroup later\nWSGIScriptAlias /a /none process-group=never");
}

#[test]
fn config_daemon_hosts() {
    accepted(&in_host("a", &format!("{DEFINE}\n{USE}")));
    accepted(&in_host("", &format!("{DEFINE}\n{USE}")));
    accepted(&(in_host("a", DEFINE) + &in_host("a", USE)));
    refused(&(in_host("a", DEFINE) + &in_host("b", USE)), "WSGI process group not accessible.");
    refused(&(in_host("a", DEFINE) + USE), "WSGI process group not accessible.");
    refused(&(in_host("a", DEFINE) + &in_host("", USE)), "WSGI process group not matchable.");
    refused(&(in_host("", DEFINE) + &in_host("b", USE)), "WSGI process group not matchable.");
    let below = in_host("", &format!("{USE}\nServerName a"));
    refused(&(in_host("a", DEFINE) + &below), "WSGI process group not matchable.");
}

/// Definitions of the configuration before are no duplicates.
#[test]
fn config_daemon_restarts() {
    let groups = format!("{DEFINE}\n{}", in_host("a", &DEFINE.replace(" g", " h")));
    let s = crate::lifecycle::restarting(crate::showing()).config(&groups).allow_log("WSGI1094").start();
    assert_eq!(s.get("/").status, 200);
    for graceful in [true, false] {
        let ready = || s.logged("resuming normal operations").len();
        let before = ready();
        if graceful {
            s.graceful()
        } else {
            s.restart()
        }
        harness::poll::until("the restart", || (ready() > before).then_some(()));
        // A restart may cut what is asked meanwhile; that is for the tests of restarts.
        let answer = || s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").try_response();
        harness::poll::until("an answer", || answer().filter(|r| r.status == 200));
    }
}

#[test]
fn config_daemon_sockets() {
    accepted("WSGISocketPrefix run/other\nWSGISocketRotation Off\nWSGIAcceptMutex Default");
    for name in ["flock", "FCNTL", "sysvsem", "posixsem", "pthread"] {
        accepted(&format!("WSGIAcceptMutex {name}"));
    }
    refused("WSGIAcceptMutex futex", "Accept mutex lock mechanism 'futex' is invalid.");
    refused("WSGISocketRotation maybe", "WSGISocketRotation must be one of: Off | On");
    for line in ["WSGISocketPrefix run/x", "WSGISocketRotation On", "WSGIAcceptMutex default"] {
        let name = line.split(' ').next().unwrap();
        refused(&in_host("a", line), &format!("{name} cannot occur within <VirtualHost> section"));
    }
}

#[test]
fn config_daemon_restrict_process() {
    accepted("WSGIRestrictProcess a %{GLOBAL}\n<Location /x>\nWSGIRestrictProcess b\n</Location>");
}

/// What the original takes for something else, or finds only when processes start.
#[test]
fn config_daemon_slips() {
    only_ours!("the original reads numbers with atoi() and looks at no directories");
    options_refused("processes=5x", "processes=5x must be a whole number from 1 to 65535");
    options_refused("request-timeout=1.5", "Invalid request timeout for WSGI daemon process.");
    options_refused("threads= processes=2", "Write threads=value, without blanks");
    options_refused("thread=2", "Did you mean threads=?");
    options_refused("user=nobody-of-this-name", "Invalid user for WSGI daemon process.");
    options_refused("group=nobody-of-this-name", "Invalid group for WSGI daemon process.");
    options_refused("home=/no/such/directory", "'/no/such/directory' does not exist");
    options_refused("memory-limit=512", "must be 0, or a whole number of bytes, at least 16777216");
    options_refused("virtual-memory-limit=4096", "no Python starts in less");
    accepted("WSGIDaemonProcess g memory-limit=0 virtual-memory-limit=0");
    options_refused("reload=sometimes", "must be one of: script | imports | off");
    options_refused("reload-wait=-1", "must be a number of seconds from 0 to 60");
    accepted("WSGIDaemonProcess g reload=imports reload-wait=0.5");
    refused("WSGIRestrictProcess", "WSGIRestrictProcess requires at least one argument");
}
