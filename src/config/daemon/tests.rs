use super::*;
use crate::apache::command::Regex;
use crate::apache::users::Account;
use crate::config::directives::all;
use crate::config::{DirConfig, Httpd, ServerConfig, Setter};

/// A configuration that is being read: one server, what others have defined, and a system with two users.
#[derive(Default)]
struct Reading {
    server: ServerConfig,
    elsewhere: Vec<Elsewhere>,
    server_name: &'static str,
    is_root: bool,
}

impl Httpd for (&[Elsewhere], &str, bool) {
    fn regex(&self, _: &[u8]) -> Option<Regex> {
        None
    }
    fn absolute(&self, path: &[u8]) -> Option<Vec<u8>> {
        let below = |path: &[u8]| [b"/server/", path].concat();
        (path != b"bad").then(|| if path.starts_with(b"/") { path.to_vec() } else { below(path) })
    }
    fn server_name(&self) -> Vec<u8> {
        self.1.into()
    }
    fn virtual_host(&self) -> Option<Vec<u8>> {
        (!self.1.is_empty()).then(|| self.1.into())
    }
    fn groups_elsewhere(&self) -> Vec<Elsewhere> {
        self.0.to_vec()
    }
    fn user(&self, name: &[u8]) -> Option<Account> {
        let uid = match name {
            b"root" | b"toor" => 0,
            b"site" => 1001,
            _ => return None,
        };
        let name = wire::shown(name).into_owned();
        Some(Account { uid, gid: uid, name: Some(name), home: Some(b"/srv".into()) })
    }
    fn user_numbered(&self, uid: u32) -> Option<Account> {
        (uid == 1001).then(|| self.user(b"site"))?
    }
    fn group(&self, name: &[u8]) -> Option<u32> {
        [(&b"root"[..], 0), (b"site", 1001), (b"mail", 8)]
            .into_iter()
            .find(|group| group.0 == name)
            .map(|g| g.1)
    }
    fn is_root(&self) -> bool {
        self.2
    }
}

impl Reading {
    /// Reads a directive of a server.
    fn read(&mut self, line: &str) -> Result<(), String> {
        let (name, args) = line.split_once(' ').unwrap_or((line, ""));
        let directive = all().find(|directive| directive.name.to_str() == Ok(name)).unwrap();
        let location = format!("httpd.conf:{}", self.server.groups.len() + 1);
        let httpd = (&self.elsewhere[..], self.server_name, self.is_root);
        let server = &mut self.server;
        let mut place = Place { name: directive.name.to_str().unwrap(), location, server, httpd: &httpd };
        match directive.set {
            Setter::Server(set) => set(&mut place, args.as_bytes()),
            _ => unreachable!("{name} is one of sections"),
        }
    }

    /// That host's groups, as another server's.
    fn seen_from(self, server_name: &'static str) -> Self {
        let host = Some(self.server_name.into());
        let elsewhere = self.server.groups.into_iter().map(|group| Elsewhere { group, host: host.clone() });
        Self { elsewhere: elsewhere.collect(), server_name, ..Self::default() }
    }
}

/// The group that `options` define.
#[track_caller]
fn group(options: &str) -> Arc<GroupOptions> {
    let mut reading = Reading { is_root: true, ..Reading::default() };
    reading.read(&format!("WSGIDaemonProcess g {options}")).unwrap();
    reading.server.groups.remove(0)
}

#[track_caller]
fn refused(options: &str, complaint: &str) {
    let answer = Reading::default().read(&format!("WSGIDaemonProcess g {options}"));
    let text = answer.expect_err(options);
    assert!(text.contains(complaint), "{options}: {text}");
}

#[test]
fn what_is_not_given_has_its_default() {
    let group = group("");
    assert_eq!((&group.name[..], group.id, &group.location[..]), (&b"g"[..], 1, "httpd.conf:1"));
    assert_eq!((group.processes, group.threads), (None, 15));
    assert!(group.user.is_none() && group.group.is_none() && group.supplementary.is_none());
    assert_eq!((group.startup_timeout, group.stack_size), (None, None));
    assert_eq!((group.shutdown_timeout, group.graceful_timeout, group.deadlock_timeout), (5, 15, 300));
    assert_eq!((group.listen_backlog, group.connect_timeout, group.response_flush_delay), (100, 15, 5));
    assert_eq!((group.reload, group.reload_wait), (Reload::Script, 0.2));
    assert_eq!(group.concurrency, Concurrency::Auto);
}

#[test]
fn values_reach_their_fields() {
    let group = group(
        "processes=1 threads=0 user=site group=mail supplementary-groups=site,#5 umask=0027 home=/ chroot=/ \
         display-name=%{GROUP} python-home=venv switch-interval=0.01 maximum-requests=5000000000 reload=Imports \
         reload-wait=1.5 concurrency=3 cpu-priority=-5 stack-size=1 memory-limit=9000000000 startup-timeout=0 server-metrics=on",
    );
    assert_eq!((group.processes, group.threads), (Some(Processes::Number(1)), 0));
    assert_eq!(group.user.as_ref().map(|user| user.uid), Some(1001));
    assert_eq!((group.group, group.supplementary.as_deref()), (Some(8), Some(&[1001, 5][..])));
    assert_eq!((group.umask, group.cpu_priority), (Some(0o27), Some(-5)));
    assert_eq!(group.display_name.as_deref(), Some(&b"(wsgi:g)"[..]));
    assert_eq!(group.python_home.as_deref(), Some(&b"/server/venv"[..]));
    assert_eq!((group.switch_interval, group.maximum_requests), (Some(0.01), 5_000_000_000));
    assert_eq!((group.reload, group.reload_wait), (Reload::Imports, 1.5));
    assert_eq!((group.stack_size, group.memory_limit), (Some(1), 9_000_000_000));
    assert_eq!(group.concurrency, Concurrency::Number(3));
    assert_eq!((group.startup_timeout, group.server_metrics), (Some(0), true));
}

/// Each row writes to one field of its own.
#[test]
fn every_option_is_taken_in_and_documented() {
    let mut seen = std::collections::HashSet::new();
    let mut fields = std::collections::HashSet::new();
    for row in &OPTIONS {
        assert!(seen.insert(row.name) && row.doc.ends_with('.') && !row.default.is_empty(), "{}", row.name);
        let value = match row.name {
            "user" | "group" | "supplementary-groups" | "script-user" | "script-group" | "socket-user" => {
                "site"
            }
            "home" | "chroot" | "script-root" => "/",
            "server-metrics" => "On",
            "reload" => "off",
            "spawn" => "fork",
            "umask" => "077",
            "memory-limit" | "virtual-memory-limit" | "rss-limit" => "99999999",
            _ => "65536",
        };
        let value = match row.name {
            "processes" | "threads" | "reload-wait" | "scale-up" | "scale-down" | "concurrency"
            | "interpreters" => "7",
            _ => value,
        };
        let shown = |options: &str| {
            let group = GroupOptions { typed: Default::default(), ..(*group(options)).clone() };
            format!("{group:?}")
        };
        let beside = if row.name.starts_with("scale-") { "processes=1..2" } else { "" };
        let (plain, set) = (shown(beside), shown(&format!("{beside} {}={value}", row.name)));
        let at = plain.bytes().zip(set.bytes()).position(|(a, b)| a != b).expect(row.name);
        let field = plain[..at].rfind(": ").unwrap();
        assert!(fields.insert(field), "{} writes to the field of another option", row.name);
    }
    assert_eq!(fields.len(), OPTIONS.len());
}

#[test]
fn the_last_of_two_values_counts() {
    assert_eq!(group("threads=1 threads=2").threads, 2);
}

#[test]
fn empty_texts_are_as_if_left_out() {
    let group = group("lang='' locale='' python-path=\"\" python-home='' display-name=");
    assert_eq!((&group.lang, &group.locale, &group.python_path), (&None, &None, &None));
    assert_eq!((&group.python_home, &group.display_name), (&None, &None));
    // None at all, which is not the same as the user's.
    assert_eq!(super::tests::group("supplementary-groups=").supplementary.as_deref(), Some(&[][..]));
}

#[test]
fn numbers_parse_whole() {
    for (option, thing) in [
        ("processes", "process count"),
        ("threads", "thread count"),
        ("startup-timeout", "startup timeout"),
        ("maximum-requests", "request count"),
        ("memory-limit", "memory limit"),
        ("listen-backlog", "listen backlog"),
        ("send-buffer-size", "send buffer size"),
        ("stack-size", "stack size"),
    ] {
        for value in ["", "5x", "1.5", "-1", "+5", "abc", "0x10", "' 5'", "99999999999999999999"] {
            refused(
                &format!("{option}={value}"),
                &format!("Invalid {thing} for WSGI daemon process. {option}="),
            );
        }
    }
    refused("processes=0", "processes=0 must be a whole number from 1 to 65535");
    refused("threads=65534", "from 0 to 65533");
    refused("shutdown-timeout=2147483648", "Invalid shutdown timeout for WSGI daemon process.");
    refused("memory-limit=512", "memory-limit=512 must be 0, or a whole number of bytes, at least 16777216");
    refused("virtual-memory-limit=16777215", "no Python starts in less");
    refused("stack-size=0", "Invalid stack size for WSGI daemon process.");
    refused("cpu-priority=high", "Invalid CPU priority for WSGI daemon process.");
    refused("umask=8", "Invalid umask for WSGI daemon process. umask=8 must be an octal number");
    refused("umask=1000", "Invalid umask for WSGI daemon process.");
    refused("switch-interval=0", "Invalid switch interval for WSGI daemon process.");
    refused("switch-interval=inf", "Invalid switch interval for WSGI daemon process.");
    refused("reload-wait=61", "reload-wait=61 must be a number of seconds from 0 to 60");
    for value in ["on", "0", "-1", "1.5", "65534", "''"] {
        refused(
            &format!("concurrency={value}"),
            &format!(
                "concurrency={} must be one of: auto | spread | off | a number from 1 to 65533",
                value.trim_matches('\'')
            ),
        );
    }
    refused("reload=on", "reload=on must be one of: script | imports | off");
    refused("spawn=vfork", "spawn=vfork must be one of: exec | fork");
    for value in ["0", "65", "two", "-1"] {
        refused(&format!("interpreters={value}"), "nvalid interpreter count for WSGI daemon process");
    }
    refused("interpreters=2 spawn=fork", "interpreters=2 does not go with spawn=fork: ");
    refused("interpreters=2 threads=0", "interpreters=2 does not go with threads=0: ");
    refused("spawn=fork threads=0", "spawn=fork is for processes that serve requests");
    refused("server-metrics=yes", "Invalid server metrics flag for WSGI daemon process.");
}

#[test]
fn buffers_have_a_least_size() {
    refused("send-buffer-size=511", "Send buffer size must be >= 512 bytes, or 0 for system default.");
    refused("receive-buffer-size=1", "Receive buffer size must be >= 512 bytes, or 0 for system default.");
    refused("header-buffer-size=8191", "Header buffer size must be >= 8192 bytes, or 0 for default.");
    refused("request-buffer-size=65535", "Request buffer size must be >= 65536 bytes, or 0 for off.");
    assert_eq!(group("").request_buffer_size, 1 << 20);
    refused("response-buffer-size=65535", "Response buffer size must be >= 65536 bytes, or 0 for default.");
    assert_eq!(group("send-buffer-size=0 header-buffer-size=8192").header_buffer_size, 8192);
}

#[test]
fn users_and_groups_must_be_there_and_not_root() {
    for root in ["root", "toor", "#0", "#00"] {
        refused(&format!("user={root}"), "WSGI process blocked from running as root.");
    }
    refused("user=", "Invalid user for WSGI daemon process.");
    refused("user=nobodys", "Invalid user for WSGI daemon process. user=nobodys names an unknown user");
    refused("user=#77", "Couldn't determine user name from uid. There is no user with the number 77");
    refused("user=#x", "Invalid user for WSGI daemon process. user=#x must be a name, or # and a number");
    refused("user=#4294967295", "Invalid user for WSGI daemon process.");
    refused("group=nobodys", "Invalid group for WSGI daemon process. group=nobodys names an unknown group");
    refused("supplementary-groups=site,nobodys", "this system has no group 'nobodys'");
    refused("socket-user=nobodys", "Invalid socket user for WSGI daemon process.");
    refused("script-user=site script-group=site", "Only one of script-user and script-group allowed.");
    assert_eq!(group("group=#12345").group, Some(12345));
}

#[test]
fn directories_are_absolute_and_there() {
    refused(
        "home=site",
        "Invalid home directory for WSGI daemon process. home=site must be an absolute path",
    );
    refused("home=/no/such/directory", "Invalid home directory for WSGI daemon process.");
    refused("home=/proc/version", "'/proc/version' is not a directory");
    refused("script-root=site", "Invalid script root for WSGI daemon process. script-root=site must be");
    refused("script-root=/no/such/directory", "'/no/such/directory' does not exist");
    refused("chroot=/", "Cannot chroot WSGI daemon process when not root.");
    assert!(group("chroot=/ home=/no/such/directory").home.is_some(), "it is below another root");
    let mut root = Reading { is_root: true, ..Reading::default() };
    let text = root.read("WSGIDaemonProcess g chroot=jail").unwrap_err();
    assert!(text.starts_with("Invalid chroot directory for WSGI daemon process."), "{text}");
}

#[test]
fn unknown_options_are_named_with_what_may_be_meant() {
    let complaint = "Invalid option to WSGI daemon process definition.";
    refused("thread=5", &format!("{complaint} There is no option 'thread'. Did you mean threads=?"));
    refused("Processes=2", "Did you mean processes=?");
    refused("workers=2", &format!("{complaint} There is no option 'workers'. docs"));
    refused("threads", "Write threads=value, without blanks");
    refused("lang= threads=5", "Write lang=value, without blanks; an empty value is ''");
    refused("threads= 5", "Write threads=value, without blanks");
}

#[test]
fn a_group_has_a_name_of_its_own() {
    let mut reading = Reading { server_name: "one", ..Reading::default() };
    let complaint = "Name of WSGI daemon process not supplied.";
    for line in ["", "''", "threads=5", "%{GLOBAL}"] {
        let text = reading.read(&format!("WSGIDaemonProcess {line}")).unwrap_err();
        assert!(text.starts_with(complaint), "{line}: {text}");
    }
    reading.read("WSGIDaemonProcess a").unwrap();
    reading.read("WSGIDaemonProcess b").unwrap();
    assert_eq!(reading.server.groups[1].id, 2);
    let complaint = "Name duplicates previous WSGI daemon definition. 'a' is defined at httpd.conf:1";
    assert!(reading.read("WSGIDaemonProcess a").unwrap_err().starts_with(complaint));
    // In other hosts too.
    let mut other = reading.seen_from("other");
    assert!(other.read("WSGIDaemonProcess a").unwrap_err().starts_with(complaint));
    other.read("WSGIDaemonProcess c").unwrap();
    assert_eq!(other.server.groups[0].id, 3);
}

/// As certbot copies a virtual host for HTTPS.
#[test]
fn a_group_may_be_defined_again_by_its_site() {
    let line = "WSGIDaemonProcess a threads=5 user=site";
    let first = || {
        let mut reading = Reading { server_name: "site", is_root: true, ..Reading::default() };
        reading.read("WSGIDaemonProcess b").unwrap();
        reading.read(line).unwrap();
        reading
    };
    let mut copy = Reading { is_root: true, ..first().seen_from("site") };
    copy.read(line).unwrap();
    assert_eq!(copy.server.groups[0].id, 2);
    let (message, text) = &copy.server.notices[0];
    assert_eq!(*message, wire::message::GROUP_SHARED);
    assert!(text.contains("'a' is defined again, with the options of httpd.conf:"), "{text}");
    assert!(copy.read(line).unwrap_err().starts_with("Name duplicates"), "twice in one host");
    for (host, line, rule) in [
        ("other", line, "only virtual hosts with the same ServerName"),
        ("site", "WSGIDaemonProcess a threads=6 user=site", "must give the same options; there is threads="),
        ("site", "WSGIDaemonProcess a threads=6 user=site", " there and threads=6 here"),
    ] {
        let mut copy = Reading { is_root: true, ..first().seen_from(host) };
        let complaint = copy.read(line).unwrap_err();
        assert!(complaint.starts_with("Name duplicates previous WSGI daemon definition. 'a' is defined at"));
        assert!(complaint.contains(rule), "{complaint}");
    }
}

#[test]
fn what_is_loaded_at_start_needs_its_group_above() {
    let import = "WSGIImportScript /a process-group=g application-group=%{GLOBAL}";
    let alias = "WSGIScriptAlias /a /b process-group=g application-group=x";
    let mut reading = Reading::default();
    for line in [import, alias] {
        let text = reading.read(line).unwrap_err();
        assert!(text.starts_with("WSGI process group not yet configured. There is no WSGIDaemonProcess 'g'"));
    }
    reading.read("WSGIScriptAlias /a /b process-group=g").unwrap();
    reading.read("WSGIScriptAlias /a /b process-group=g application-group=%{HOST}").unwrap();
    reading.read("WSGIScriptAlias /a /b process-group=%{ENV:X} application-group=x").unwrap();
    reading.read("WSGIDaemonProcess g").unwrap();
    reading.read(import).unwrap();
    reading.read(alias).unwrap();
    let last = reading.server.aliases.last().unwrap();
    assert_eq!(last.fixed_groups(), Some((&b"g"[..], &b"x"[..])));
    assert_ne!(
        last.fixed_groups().map(|groups| groups.0),
        Some(&b"%{GLOBAL}"[..]),
        "it is not for embedded mode"
    );
}

#[test]
fn a_virtual_hosts_group_is_for_its_server_name() {
    let defining = |server_name| {
        let mut reading = Reading { server_name, ..Reading::default() };
        reading.read("WSGIDaemonProcess g").unwrap();
        reading
    };
    let using = |owner: Reading, user| {
        owner.seen_from(user).read("WSGIScriptAlias /a /b process-group=g application-group=x")
    };
    using(defining("one"), "one").unwrap();
    let text = using(defining("one"), "two").unwrap_err();
    assert!(text.starts_with("WSGI process group not accessible. 'g' is defined at httpd.conf:1"), "{text}");
    for (owner, user) in [("", "two"), ("one", "")] {
        let text = using(defining(owner), user).unwrap_err();
        assert!(text.starts_with("WSGI process group not matchable. 'g' "), "{text}");
    }
    let mut everybodys = defining("main").seen_from("two");
    everybodys.elsewhere[0].host = None;
    everybodys.read("WSGIImportScript /a process-group=g application-group=x").unwrap();
}

#[test]
fn sockets() {
    let mut reading = Reading::default();
    reading.read("WSGISocketPrefix run/wsgi").unwrap();
    assert_eq!(reading.server.socket.prefix.as_deref(), Some(&b"/server/run/wsgi"[..]));
    assert!(reading.read("WSGISocketPrefix bad").unwrap_err().starts_with("Invalid WSGISocketPrefix 'bad'."));
    reading.read("WSGISocketRotation off").unwrap();
    assert_eq!(reading.server.socket.rotation, Some(false));
    for name in ["default", "FLOCK", "fcntl", "sysvsem", "posixsem", "pthread"] {
        reading.read(&format!("WSGIAcceptMutex {name}")).unwrap();
    }
    let text = reading.read("WSGIAcceptMutex futex").unwrap_err();
    assert!(text.starts_with("Accept mutex lock mechanism 'futex' is invalid. Valid accept mutex"), "{text}");
}

#[test]
fn restrict_process_takes_names_as_they_are() {
    let directive = all().find(|directive| directive.name == c"WSGIRestrictProcess").unwrap();
    let Setter::Section(set) = directive.set else { unreachable!() };
    let mut section = DirConfig::default();
    set("WSGIRestrictProcess", &mut section, b"replaced").unwrap();
    set("WSGIRestrictProcess", &mut section, b"a 'B c' %{GLOBAL}").unwrap();
    let names: Vec<_> = section.restrict_process.as_deref().unwrap().iter().map(|name| &name[..]).collect();
    assert_eq!(names, [&b"a"[..], b"B c", b""]);
    assert!(set("WSGIRestrictProcess", &mut section, b"").is_err());
}

#[test]
fn a_merged_host_does_not_repeat_the_main_servers_groups() {
    use crate::apache::Merge;
    let mut main = Reading::default();
    main.read("WSGIDaemonProcess g").unwrap();
    assert!(main.server.merge(&ServerConfig::default()).groups.is_empty());
    assert_eq!(ServerConfig::default().merge(&main.server).groups.len(), 1);
}

#[test]
fn options_of_earlier_versions_are_noted() {
    let mut reading = Reading { is_root: true, ..Reading::default() };
    reading.read("WSGIDaemonProcess a newrelic-config-file=/x threads=5 newrelic-environment=y").unwrap();
    assert_eq!(reading.server.groups[0].threads, 5);
    let names: Vec<_> = reading.server.notices.iter().map(|(message, _)| *message).collect();
    assert_eq!(names, [wire::message::WITHOUT_EFFECT; 2]);
    assert!(reading.server.notices[0].1.contains(": newrelic-config-file= has no effect: call "));
}
