//! WSGIAccessScript, WSGIAuthUserScript, WSGIAuthGroupScript: scripts that say who may see what.

use harness::*;

use crate::shown;

/// An application that shows its environ, below `/`, and a script whose functions are these.
fn guarded(functions: &str, config: &str) -> Httpd {
    httpd()
        .script("guard.py", functions)
        .module("auth_digest")
        .config("WSGIScriptAlias / {apps}/show.wsgi")
        .config(config)
}

const ACCESS: &str = "<Location />\nWSGIAccessScript {dir}/guard.py\n</Location>";
const BASIC: &str = "
    <Location />
        AuthType Basic
        AuthName realm
        AuthBasicProvider wsgi
        WSGIAuthUserScript {dir}/guard.py
        Require valid-user
    </Location>";

/// What is logged of a script that does not start.
const BROKEN: &str = "WSGI0057|WSGI0174|WSGI0105|WSGI0106|WSGI0109|WSGI0110|WSGI1003|FileNotFoundError|could not be|again, as before|next attempt";

/// `Authorization` for Basic.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| LETTERS[(bits & 63) as usize] as char;
    let three = |group: &[u8]| {
        let bits =
            group.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        let letters = [letter(bits >> 18), letter(bits >> 12), letter(bits >> 6), letter(bits)];
        let used = group.len() + 1;
        letters.into_iter().take(used).chain(std::iter::repeat_n('=', 4 - used)).collect::<String>()
    };
    bytes.chunks(3).map(three).collect()
}

fn login(s: &Server, user: &str, password: &str) -> Response {
    s.request("GET", "/x").header("Authorization", &basic(user, password)).send()
}

#[test]
fn access() {
    let s = guarded(
        "
        def allow_access(environ, host):
            assert host == environ['REMOTE_ADDR'] == '127.0.0.1'
            return {'yes': True, 'no': False, 'none': None, 'text': 'yes', 'one': 1, 'list': []}[environ['QUERY_STRING']]",
        ACCESS,
    )
    .expect_log("WSGI0057: Client denied by server configuration: ")
    .expect_log("WSGI0055: ")
    .expect_traceback("KeyError: 'other'")
    .allow_log("KeyError|WSGI0174|WSGI1005")
    .start();
    for (query, status) in
        [("yes", 200), ("none", 200), ("no", 403), ("text", 403), ("one", 403), ("list", 403), ("other", 403)]
    {
        assert_eq!(s.get(&format!("/x?{query}")).status, status, "{query}");
    }
}

#[test]
fn what_is_not_there_denies() {
    let s = guarded("def other(): pass", ACCESS).expect_log("WSGI0056: ").allow_log("WSGI0057").start();
    assert_eq!(s.get("/").status, 403);
    let s = guarded("raise ValueError('broken')", ACCESS)
        .expect_traceback("ValueError: broken")
        .allow_log(BROKEN)
        .start();
    assert_eq!([s.get("/").status, s.get("/").status], [403, 403]);
    let missing = "<Location />\nWSGIAccessScript {dir}/none.py\n</Location>";
    let s = guarded("", missing).expect_log("none.py").allow_log(BROKEN).start();
    assert_eq!(s.get("/").status, 403);
}

/// The environ: that of CGI, without what SetEnv says and without credentials.
#[test]
fn environ() {
    let s = guarded(
        "
        import sys
        KEYS = None
        def allow_access(environ, host):
            if environ['PATH_INFO'] == '/keys' or environ['REQUEST_URI'].startswith('/keys'):
                print('KEYS', ' '.join(sorted(environ)), file=environ['wsgi.errors'])
                print('TLS', environ['mod_ssl.is_https'](), environ['mod_ssl.var_lookup']('SSL_PROTOCOL'))
                print('GROUPS', repr(environ['mod_wsgi.process_group']), repr(environ['mod_wsgi.application_group']))
                print('VERSIONS', type(environ['apache.version']), type(environ['mod_wsgi.version']))
            return True",
        &format!("SetEnv MINE 1\n{ACCESS}"),
    )
    .allow_log("KEYS|TLS|GROUPS|VERSIONS")
    .start();
    let request = s.request("GET", "/keys?q=1").header("Authorization", "Basic eDp5").header("X-Test", "1");
    assert_eq!(request.send().status, 200);
    let keys = s.wait_log(" KEYS ");
    let keys: Vec<&str> = keys.rsplit("KEYS ").next().unwrap().split(' ').collect();
    for key in [
        "DOCUMENT_ROOT",
        "HTTP_HOST",
        "HTTP_X_TEST",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_PORT",
        "REQUEST_METHOD",
        "REQUEST_URI",
        "SCRIPT_NAME",
        "SERVER_ADDR",
        "SERVER_ADMIN",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SIGNATURE",
        "SERVER_SOFTWARE",
        "apache.version",
        "mod_ssl.is_https",
        "mod_ssl.var_lookup",
        "mod_wsgi.application_group",
        "mod_wsgi.process_group",
        "mod_wsgi.version",
        "wsgi.errors",
    ] {
        assert!(keys.contains(&key), "{key} is missing");
    }
    for key in ["MINE", "HTTP_AUTHORIZATION", "wsgi.input", "wsgi.version"] {
        assert!(!keys.contains(&key), "{key}");
    }
    s.wait_log("TLS 0 None");
    s.wait_log("GROUPS '' ''");
    s.wait_log("VERSIONS <class 'tuple'> <class 'tuple'>");
}

#[test]
fn the_environ_has_no_proxy_header() {
    let s = guarded(
        "
        def allow_access(environ, host):
            return 'HTTP_PROXY' not in environ",
        ACCESS,
    )
    .allow_log("WSGI0057")
    .start();
    let status = s.request("GET", "/").header("Proxy", "http://bad.test").send().status;
    assert_eq!(status, differs(403, 200, "a client must not set HTTP_PROXY, in no script"));
}

#[test]
fn in_which_interpreter() {
    let functions = "
        import mod_wsgi
        def allow_access(environ, host):
            return environ['mod_wsgi.application_group'] == mod_wsgi.application_group == environ['QUERY_STRING']";
    for (option, name) in [
        ("", ""),
        ("application-group=mine", "mine"),
        ("application-group=%{GLOBAL}", ""),
        ("application-group=%{SERVER}", "name.test"),
        // Of tokens that tell of the resource, the text is the name.
        ("application-group=%{RESOURCE}", "%{RESOURCE}"),
    ] {
        let config = format!(
            "ServerName name.test:80\nUseCanonicalName On\n<Location />\nWSGIAccessScript {{dir}}/guard.py {option}\n</Location>"
        );
        let s = guarded(functions, &config).start();
        assert_eq!(s.get(&format!("/?{name}")).status, 200, "{option}");
    }
}

#[test]
fn passwords() {
    let s = guarded(
        "
        def check_password(environ, user, password):
            assert 'HTTP_AUTHORIZATION' not in environ
            if user == 'm\\xc3\\xbc':
                return password == 'p\\xc3\\xa4'
            return {'bob': password == 'right', 'none': None, 'alias': 'other', 'uni': '\\u20ac', 'empty': '', 'num': 5,
                    'bytes': b'x'}[user]",
        BASIC,
    )
    .expect_log("WSGI0176: ")
    .expect_log("WSGI0177: ")
    .expect_traceback("KeyError: 'unknown'")
    .allow_log("KeyError|WSGI0174|AH01617|AH01618")
    .start();
    assert_eq!(s.get("/x").status, 401);
    for (user, password, status, name) in [
        ("bob", "right", 200, "bob"),
        ("bob", "wrong", 401, ""),
        ("none", "x", 401, ""),
        ("alias", "x", 200, "other"),
        ("uni", "x", 200, "\u{e2}\u{82}\u{ac}"),
        ("mü", "pä", 200, "m\u{c3}\u{bc}"),
        ("empty", "x", 500, ""),
        ("num", "x", 500, ""),
        ("bytes", "x", 500, ""),
        ("unknown", "x", 500, ""),
    ] {
        let r = login(&s, user, password);
        assert_eq!(r.status, status, "{user}");
        if status == 200 {
            assert_eq!(shown(&r)["environ"]["REMOTE_USER"], name, "{user}");
        }
    }
}

#[test]
fn passwords_without_script_or_function() {
    let without = BASIC.replace("WSGIAuthUserScript {dir}/guard.py", "");
    let s = guarded("", &without).expect_log("WSGI0041: ").start();
    assert_eq!(login(&s, "bob", "x").status, 500);
    let s = guarded("x = 1", BASIC).expect_log("WSGI0043: ").start();
    assert_eq!(login(&s, "bob", "x").status, 500);
}

#[test]
fn the_next_provider_knows_who_is_unknown_here() {
    let config =
        BASIC.replace("AuthBasicProvider wsgi", "AuthBasicProvider wsgi file\nAuthUserFile {dir}/users");
    // {SHA} of "secret"
    let s = guarded("def check_password(environ, user, password):\n    return None", &config)
        .file("users", "tom:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        .allow_log("AH0161[78]")
        .start();
    assert_eq!(login(&s, "tom", "secret").status, 200);
    assert_eq!(login(&s, "tom", "other").status, 401);
}

#[test]
fn groups() {
    let config = format!(
        "{BASIC}
        <Location /staff>\nWSGIAuthGroupScript {{dir}}/guard.py\nRequire wsgi-group Admin STAFF\n</Location>
        <Location /none>\nRequire wsgi-group staff\n</Location>"
    );
    let s = guarded(
        "
        def check_password(environ, user, password):
            return True
        def groups_for_user(environ, user):
            return {'ann': ['staff'], 'ben': (b'other', b'admin'), 'cid': iter(['x']), 'dan': [], 'eve': None,
                    'fay': ['staff', 5]}[user]",
        &config,
    )
    .expect_log("WSGI0050: ")
    .expect_log("WSGI0051: ")
    .expect_log("WSGI0058: ")
    .expect_log("WSGI0059: ")
    .expect_log("WSGI0060: ")
    .expect_traceback("KeyError: 'gus'")
    .allow_log("KeyError|WSGI0174|AH01631|TypeError: 'NoneType'")
    .start();
    let get = |path: &str, user: &str| {
        s.request("GET", path).header("Authorization", &basic(user, "x")).send().status
    };
    let failed = differs(
        401,
        500,
        "httpd makes of 401 a reason to let everybody in who meets `Require not wsgi-group`",
    );
    for (user, status) in [
        ("ann", 200),
        ("ben", 200),
        ("cid", 401),
        ("dan", 401),
        ("eve", failed),
        ("fay", failed),
        ("gus", failed),
    ] {
        assert_eq!(get("/staff", user), status, "{user}");
    }
    assert_eq!(get("/none", "ann"), failed);
    assert_eq!(s.get("/staff").status, 401, "no user yet");
}

#[test]
fn digest() {
    skip_if!(!std::path::Path::new("/usr/bin/curl").exists(), "curl is not installed");
    let s = guarded(
        "
        import hashlib
        def get_realm_hash(environ, user, realm):
            text = '%s:%s:right' % (user, realm)
            digest = hashlib.md5(text.encode('latin-1')).hexdigest()
            return {'bob': digest, 'tom': digest.encode(), 'none': None, 'empty': '', 'num': 5}[user]",
        "
        <Location />
            AuthType Digest
            AuthName realm
            AuthDigestProvider wsgi
            WSGIAuthUserScript {dir}/guard.py
            Require valid-user
        </Location>",
    )
    .expect_log("WSGI0178: ")
    .expect_log("WSGI0179: ")
    .allow_log("AH01788|AH01790|AH01792|AH01794")
    .start();
    let curl = |user: &str, password: &str| {
        let url = format!("http://127.0.0.1:{}/x", s.port());
        let login = format!("{user}:{password}");
        let arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--digest", "-u", &login, &url];
        let output = std::process::Command::new("/usr/bin/curl").args(arguments).output().expect("curl");
        String::from_utf8(output.stdout).unwrap()
    };
    for (user, password, status) in [
        ("bob", "right", "200"),
        ("bob", "wrong", "401"),
        ("tom", "right", "200"),
        ("none", "right", "401"),
        ("empty", "right", "500"),
        ("num", "right", "500"),
    ] {
        assert_eq!(curl(user, password), status, "{user}");
    }
}

/// In `.htaccess`, where Python runs in Apache's children for nothing else.
#[test]
fn in_htaccess() {
    let functions = "def allow_access(environ, host):\n    return environ['QUERY_STRING'] == 'in'";
    let served = || {
        httpd()
            .script("guard.py", functions)
            .file("docs/page.txt", "page")
            .config("DocumentRoot {dir}/docs\n<Directory {dir}/docs>\nAllowOverride AuthConfig\nRequire all granted\n</Directory>")
            .allow_log("WSGI0057")
    };
    let h = served();
    let rules = format!("WSGIAccessScript {}\n", h.dir().join("guard.py").display());
    let s = h.file("docs/.htaccess", &rules).start();
    assert_eq!([s.get("/page.txt?in").status, s.get("/page.txt?out").status], [200, 403]);
    if subject() == Subject::Ours {
        // mod_wsgi 6 crashes.
        let h = served();
        let rules = format!("WSGIAccessScript {}\n", h.dir().join("guard.py").display());
        let s =
            h.file("docs/.htaccess", &rules).config("WSGIRestrictEmbedded On").allow_log("WSGI0143").start();
        assert_eq!(s.get("/page.txt?in").status, 403);
    }
}

/// Applications may not run in Apache's children, and these scripts do.
#[test]
fn where_embedded_mode_is_restricted() {
    let s = guarded(
        "def allow_access(environ, host):\n    return environ['QUERY_STRING'] == 'in'",
        &format!("WSGIRestrictEmbedded On\n{ACCESS}"),
    )
    .allow_log("WSGI0143|WSGI0057")
    .start();
    let served = if mode() == Mode::Daemon { 200 } else { 500 };
    assert_eq!([s.get("/?in").status, s.get("/?out").status], [served, 403]);
}

#[test]
fn a_changed_script_counts() {
    let s =
        guarded("def allow_access(environ, host):\n    return True", ACCESS).allow_log("WSGI0057").start();
    assert_eq!(s.get("/").status, 200);
    s.write_file("guard.py", "def allow_access(environ, host):\n    return False\n");
    poll::until("the new script", || (s.get("/").status == 403).then_some(()));
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (directive, thing) in [
        ("WSGIAccessScript", "access"),
        ("WSGIAuthUserScript", "auth user"),
        ("WSGIAuthGroupScript", "auth group"),
    ] {
        let in_location = |line: &str| format!("<Location />\n{directive} {line}\n</Location>");
        for (line, message) in [
            ("", format!("Location of {thing} script not supplied.")),
            ("\"\"", format!("Location of {thing} script not supplied.")),
            ("/x other", format!("Invalid option to WSGI {thing} script definition.")),
            ("/x process-group=a", format!("Invalid option to WSGI {thing} script definition.")),
            ("/x application-group=", "Invalid name for WSGI application group.".to_owned()),
        ] {
            httpd().config(&in_location(line)).expect_config_error(&message);
        }
        httpd().config(&format!("{directive} /x")).expect_config_error("not allowed here");
    }
}
