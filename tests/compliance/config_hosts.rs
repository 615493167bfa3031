//! Virtual hosts with directives of ours and without, in every order and however they come to be. While httpd reads the
//! configuration a virtual host without any has nothing of ours, and some directives ask all the others.

use harness::poll::until;
use harness::{Httpd, Server, differs, httpd};

/// As 000-default.conf of a distribution: no directive of ours.
const BARE: &str = "<VirtualHost *:{port}>\nServerName bare\n</VirtualHost>\n";
const GROUP: &str = "WSGIDaemonProcess shop processes=2\n";
/// Loaded when a process of the group starts, so all servers are asked for that.
const USE: &str = "WSGIScriptAlias /a {apps}/show.wsgi process-group=shop application-group=%{GLOBAL}\n";

fn host(name: &str, lines: &str) -> String {
    format!("<VirtualHost *:{{port}}>\nServerName {name}\n{lines}</VirtualHost>\n")
}

#[track_caller]
fn accepted(lines: &str) {
    httpd().no_group().config(lines).expect_config_ok();
}

#[track_caller]
fn refused(lines: &str, message: &str) {
    httpd().no_group().config(lines).expect_config_error(message);
}

#[test]
fn config_hosts_without_directives() {
    accepted(BARE);
    accepted(&format!("{BARE}{}", host("shop", GROUP)));
    accepted(&format!("{}{BARE}", host("shop", GROUP)));
    accepted(&format!("{BARE}{GROUP}"));
    accepted(&format!("{GROUP}{BARE}"));
    accepted(&format!("{BARE}{}{BARE}{}", host("shop", GROUP), host("shop", USE)));
    accepted(&format!("{BARE}{GROUP}{BARE}{}", host("other", USE)));
    accepted(&format!("{BARE}{GROUP}{USE}"));
    // A host that has a directive of ours, but none that a server keeps.
    accepted(&format!("{}{}", host("other", "WSGIProcessGroup shop\n"), host("shop", GROUP)));
}

/// What is said of groups elsewhere stays true with hosts in between that say nothing.
#[test]
fn config_hosts_refusals() {
    let duplicate = "Name duplicates previous WSGI daemon definition.";
    refused(&format!("{}{BARE}{}", host("a", GROUP), host("b", GROUP)), duplicate);
    refused(&format!("{GROUP}{BARE}{GROUP}"), duplicate);
    refused(&format!("{BARE}{USE}"), "WSGI process group not yet configured.");
    refused(&format!("{BARE}{}{BARE}{USE}", host("shop", GROUP)), "WSGI process group not accessible.");
    refused(
        &format!("{BARE}{}{}", host("shop", GROUP), host("other", USE)),
        "WSGI process group not accessible.",
    );
    let import = "WSGIImportScript /none process-group=shop application-group=x\n";
    refused(&format!("{BARE}{import}"), "WSGI process group not yet configured.");
}

/// HTTP and HTTPS of one site, the group defined in either or outside.
#[test]
fn config_hosts_sharing_a_name() {
    let (http, https) = (host("shop", GROUP), host("shop", &format!("SSLEngine On\n{USE}")));
    let accepted = |lines: String| httpd().no_group().module("ssl").config(&lines).configtest();
    for lines in [format!("{http}{https}"), format!("{BARE}{http}{BARE}{https}")] {
        // Without a certificate mod_ssl refuses it later than this check, so configtest says yes.
        let test = accepted(lines);
        assert!(test.accepted, "{}\n{}", test.output, test.config);
    }
}

/// As certbot copies a virtual host for HTTPS: the group is defined again, and is one.
#[test]
fn config_hosts_defining_a_group_again() {
    let again =
        |first: &str, second: &str| httpd().no_group().config(&format!("{first}{BARE}{second}")).configtest();
    let shop = host("shop", GROUP);
    let copy = again(&shop, &shop);
    assert_eq!(copy.accepted, differs(false, true, "one site defines one group"), "{}", copy.output);
    // ServerName stands below.
    let below = |name: &str| format!("<VirtualHost *:{{port}}>\n{GROUP}ServerName {name}\n</VirtualHost>\n");
    let copy = again(&below("shop"), &below("shop"));
    assert_eq!(copy.accepted, differs(false, true, "one site defines one group"), "{}", copy.output);
    let other_options = host("shop", &GROUP.replace("=2", "=3"));
    for (first, second) in [
        (&shop, &other_options),
        (&shop, &host("other", GROUP)),
        (&below("shop"), &below("other")),
        (&shop, &host("shop", &format!("{GROUP}{GROUP}"))),
        (&shop, &GROUP.to_owned()),
        (&GROUP.to_owned(), &shop),
    ] {
        let test = again(first, second);
        assert!(!test.accepted, "{}", test.config);
        let message = "Name duplicates previous WSGI daemon definition.";
        assert!(test.output.contains(message), "{}\n{}", test.output, test.config);
    }
}

/// Hosts that a macro makes, that a condition leaves out, and that hold a condition.
#[test]
fn config_hosts_made_by_macros() {
    let macros = "
        <Macro Bare $name>
        <VirtualHost *:{port}>
            ServerName $name
        </VirtualHost>
        </Macro>
        <Macro Site $name>
        <VirtualHost *:{port}>
            ServerName $name
            WSGIDaemonProcess $name
            WSGIScriptAlias / {apps}/show.wsgi process-group=$name application-group=%{GLOBAL}
        </VirtualHost>
        </Macro>
        <Macro Both $name>
            Use Bare $name.bare
            Use Site $name
        </Macro>
        Use Bare one
        Use Site two
        Use Both three";
    httpd().no_group().module("macro").config(macros).expect_config_ok();
    let conditions = "
        <IfDefine !NEVER>
        <VirtualHost *:{port}>
            ServerName one
            <If \"true\">
                WSGIProcessGroup shop
            </If>
        </VirtualHost>
        </IfDefine>
        <IfDefine NEVER>
        <VirtualHost *:{port}>
            WSGIDaemonProcess never
        </VirtualHost>
        </IfDefine>
        <VirtualHost *:{port}>
            ServerName two
            <IfModule !no_such_module>
                <If \"%{HTTP_HOST} == 'x'\">
                    WSGIApplicationGroup x
                </If>
                WSGIDaemonProcess shop
            </IfModule>
        </VirtualHost>";
    accepted(conditions);
}

/// httpd's reports about the configuration.
#[test]
fn config_hosts_reports() {
    let config = format!("{BARE}{}{BARE}{}", host("shop", GROUP), host("shop", USE));
    for arguments in [
        &["-S"][..],
        &["-M"],
        &["-t", "-D", "DUMP_VHOSTS"],
        &["-t", "-D", "DUMP_MODULES"],
        &["-t", "-D", "DUMP_INCLUDES"],
        &["-t", "-D", "DUMP_RUN_CFG"],
        &["-t", "-D", "DUMP_CONFIG"],
        &["-t", "-D", "DUMP_CERTS"],
    ] {
        let test = httpd().no_group().config(&config).report(arguments);
        assert!(test.accepted, "{arguments:?}: {}\n{}", test.output, test.config);
    }
}

/// The notices of a server that is ready, so far.
fn readings(s: &Server) -> usize {
    s.logged("resuming normal operations").len()
}

/// The state of the site `host` once the configuration is `sites`, after a graceful restart.
fn after_restart(s: &Server, sites: &str, host: &str, path: &str) -> u16 {
    let sites = sites.replace("{port}", &s.port().to_string());
    s.write_file("sites.conf", &sites.replace("{apps}", &s.dir().join("apps").display().to_string()));
    let before = readings(s);
    s.graceful();
    until("the restart", || (readings(s) > before).then_some(()));
    s.request("GET", path).header("Host", host).send().status
}

fn with_sites(sites: &str) -> Httpd {
    let h = httpd().no_group().script("htdocs/index.html", "static").config("Include {dir}/sites.conf");
    let (port, apps) = (h.port().to_string(), h.dir().join("apps").display().to_string());
    let sites = sites.replace("{port}", &port).replace("{apps}", &apps);
    h.script("sites.conf", &sites)
}

/// They come and go while the server runs.
#[test]
fn config_hosts_come_and_go() {
    let shop = host("shop", &format!("{GROUP}{USE}"));
    let s = with_sites(BARE).start();
    assert_eq!(s.request("GET", "/index.html").header("Host", "bare").send().status, 200);
    assert_eq!(after_restart(&s, &format!("{BARE}{shop}"), "shop", "/a"), 200);
    assert_eq!(after_restart(&s, &format!("{shop}{BARE}"), "shop", "/a"), 200);
    assert_eq!(after_restart(&s, &format!("{BARE}{GROUP}{BARE}{}", host("shop", USE)), "shop", "/a"), 200);
    assert_eq!(after_restart(&s, BARE, "bare", "/index.html"), 200);
}

/// A directive of ours in a file that only a request reads: in `.htaccess`, of a host that has none itself.
#[test]
fn config_hosts_htaccess() {
    let s = with_sites(&format!("{BARE}{}", host("shop", GROUP)))
        .config("<Directory {dir}/htdocs>\nAllowOverride FileInfo\nOptions +ExecCGI\n</Directory>")
        .script(
            "htdocs/in/.htaccess",
            "<If \"true\">\nWSGICallableObject other\n</If>\nAddHandler wsgi-script .py",
        )
        .script(
            "htdocs/in/x.py",
            "
            def other(environ, start_response):
                start_response('200 OK', [])
                return [environ['mod_wsgi.callable_object'].encode()]",
        )
        .allow_log("WSGI1094: .*'shop'")
        .start();
    let answer = s.request("GET", "/in/x.py").header("Host", "bare").send();
    assert_eq!((answer.status, answer.text().as_str()), (200, "other"));
}
