//! Directives as text: contexts, arguments, and the messages Apache prints when they are wrong.

use harness::{Subject, differs, httpd, offers, subject};

#[track_caller]
fn refused(lines: &str, message: &str) {
    httpd().config(lines).expect_config_error(message);
}

#[track_caller]
fn accepted(lines: &str) {
    httpd().config(lines).expect_config_ok();
}

/// Directives of the main server only, with a value each.
const GLOBAL: &[&str] = &[
    "WSGIVerboseDebugging On",
    "WSGIDontWriteBytecode On",
    "WSGIPythonWarnings ignore",
    "WSGIPythonOptimize 1",
    "WSGIPythonPath /tmp",
    "WSGIPythonEggs /tmp",
    "WSGIPythonHashSeed 1",
    "WSGISwitchInterval 0.01",
    "WSGIDestroyInterpreter Off",
    "WSGIPerInterpreterGIL Off",
    "WSGIFreeThreading Off",
    "WSGIRestrictEmbedded On",
    "WSGIRestrictStdin On",
    "WSGIRestrictStdout On",
    "WSGIRestrictSignal Off",
    "WSGICaseSensitivity On",
    "WSGIServerMetrics On",
    "WSGISocketRotation On",
    "WSGISlowRequests 5",
    "WSGITelemetryOptions None",
    "WSGITelemetryService unix:/tmp/none",
];

/// Server, virtual host and directory, not .htaccess.
const SECTIONS: &[&str] = &[
    "WSGIRestrictProcess a b",
    "WSGIProcessGroup %{GLOBAL}",
    "WSGIApplicationGroup %{GLOBAL}",
    "WSGIPassApacheRequest On",
    "WSGIDispatchScript /none",
    "WSGIHandlerScript name /none",
];

/// Everywhere, .htaccess included.
const EVERYWHERE: &[&str] = &[
    "WSGICallableObject app",
    "WSGIPassAuthorization On",
    "WSGIScriptReloading Off",
    "WSGIErrorOverride On",
    "WSGIChunkedRequest On",
    "WSGIMapHEADToGET Auto",
    "WSGIIgnoreActivity On",
    "WSGIEnableSendfile On",
    "WSGITrustedProxyHeaders X-Forwarded-For",
    "WSGITrustedProxies 10.0.0.1",
];

/// Those of a list that the module under test has.
fn offered(list: &[&'static str]) -> Vec<&'static str> {
    list.iter().copied().filter(|directive| offers(name(directive))).collect()
}

fn name(directive: &str) -> &str {
    directive.split(' ').next().unwrap()
}

fn in_host(directive: &str) -> String {
    format!("<VirtualHost *:{{port}}>\n{directive}\n</VirtualHost>")
}

fn in_directory(directive: &str) -> String {
    format!("<Directory /tmp>\n{directive}\n</Directory>")
}

#[test]
fn contexts_of_server_directives() {
    let global = offered(GLOBAL);
    accepted(&global.join("\n"));
    for directive in global {
        refused(
            &in_host(directive),
            &format!("{} cannot occur within <VirtualHost> section", name(directive)),
        );
        refused(&in_directory(directive), &format!("{} not allowed in <Directory> context", name(directive)));
    }
}

#[test]
fn contexts_of_section_directives() {
    for list in [SECTIONS, EVERYWHERE] {
        let directives = offered(list).join("\n");
        accepted(&directives);
        accepted(&in_host(&directives));
        accepted(&in_directory(&directives));
    }
}

#[test]
fn contexts_of_aliases() {
    let aliases = "WSGIScriptAlias /a /none\nWSGIScriptAliasMatch ^/b /none";
    accepted(aliases);
    accepted(&in_host(aliases));
    for line in aliases.lines() {
        refused(&in_directory(line), &format!("{} not allowed in <Directory> context", name(line)));
    }
}

#[test]
fn htaccess() {
    let serve = |content: &str, allow: &str| {
        let s = httpd()
            .file("docs/.htaccess", content.to_owned() + "\n")
            .file("docs/x.txt", "x")
            .config("DocumentRoot {dir}/docs")
            .config(&format!("<Directory {{dir}}/docs>\nAllowOverride {allow}\n</Directory>"))
            .allow_log("core:alert.*not allowed here")
            .start();
        s.get("/x.txt").status
    };
    assert_eq!(serve(&offered(EVERYWHERE).join("\n"), "FileInfo"), 200);
    assert_eq!(serve(EVERYWHERE[0], "AuthConfig"), 500);
    assert_eq!(serve("WSGIGroupAuthoritative On", "AuthConfig"), 200);
    for directive in offered(SECTIONS).iter().chain(&offered(&GLOBAL[..2])) {
        assert_eq!(serve(directive, "All"), 500, "{directive}");
    }
}

#[test]
fn group_authoritative() {
    accepted(&in_directory("WSGIGroupAuthoritative Off"));
    refused(&in_directory("WSGIGroupAuthoritative maybe"), "WSGIGroupAuthoritative must be one of: Off | On");
}

#[test]
fn verbose_debugging_is_accepted() {
    accepted("WSGIVerboseDebugging Off");
    refused("WSGIVerboseDebugging maybe", "WSGIVerboseDebugging must be one of: Off | On");
}

#[test]
fn flags() {
    let flags = [
        "WSGIDontWriteBytecode",
        "WSGIDestroyInterpreter",
        "WSGIPerInterpreterGIL",
        "WSGIFreeThreading",
        "WSGIRestrictEmbedded",
        "WSGIRestrictStdin",
        "WSGIRestrictStdout",
        "WSGIRestrictSignal",
        "WSGICaseSensitivity",
        "WSGIServerMetrics",
        "WSGISocketRotation",
        "WSGIPassApacheRequest",
        "WSGIPassAuthorization",
        "WSGIScriptReloading",
        "WSGIErrorOverride",
        "WSGIChunkedRequest",
        "WSGIIgnoreActivity",
        "WSGIEnableSendfile",
    ];
    for flag in offered(&flags) {
        accepted(&format!("{flag} on\n{flag} OFF"));
        for value in ["yes", "1"] {
            refused(&format!("{flag} {value}"), &format!("{flag} must be one of: Off | On"));
        }
    }
    accepted("WSGIMapHEADToGET auto\nWSGIMapHEADToGET ON\nWSGIMapHEADToGET off");
    refused("WSGIMapHEADToGET yes", "WSGIMapHEADToGET must be one of: Off | On | Auto");
}

#[test]
fn missing_arguments() {
    for directive in
        ["WSGIPythonHome", "WSGIPythonPath", "WSGICallableObject", "WSGIApplicationGroup", "WSGIProcessGroup"]
    {
        refused(directive, &format!("{directive} takes one argument"));
    }
}

#[test]
fn script_alias() {
    for directive in ["WSGIScriptAlias", "WSGIScriptAliasMatch"] {
        refused(directive, &format!("{directive} requires at least two arguments, "));
        for too_few in ["/a", "/a \"\"", "\"\" /b"] {
            refused(
                &format!("{directive} {too_few}"),
                &format!("{directive} requires at least two arguments, "),
            );
        }
        refused(&format!("{directive} /a /b nonsense"), "Invalid option to WSGI script alias definition.");
        refused(&format!("{directive} /a /b unknown=x"), "Invalid option to WSGI script alias definition.");
        refused(
            &format!("{directive} /a /b Process-Group=x"),
            "Invalid option to WSGI script alias definition.",
        );
        refused(&format!("{directive} /a /b application-group="), "Invalid name for WSGI application group.");
        refused(&format!("{directive} /a /b process-group="), "Invalid name for WSGI process group.");
        refused(&format!("{directive} /a /b callable-object="), "Invalid name for WSGI callable object.");
        refused(
            &format!("{directive} /a /b pass-authorization=maybe"),
            "Invalid value for authorization flag.",
        );
        accepted(&format!("{directive} /a /b application-group=x callable-object=y pass-authorization=on"));
        accepted(&format!("{directive} /a \"/b c\" application-group=\"x y\""));
        accepted(&format!("{directive} /a /b process-group=%{{GLOBAL}} application-group=%{{GLOBAL}}"));
    }
    refused("WSGIScriptAliasMatch ( /b", "Regular expression could not be compiled.");
    accepted("WSGIScriptAlias ( /b");
}

/// An alias with both groups is loaded at start, so the group must exist already.
#[test]
fn process_group_of_a_preloaded_alias() {
    refused(
        "WSGIScriptAlias /a /b process-group=later application-group=x",
        "WSGI process group not yet configured.",
    );
    accepted("WSGIScriptAlias /a /b process-group=later");
    accepted("WSGIScriptAlias /a /b process-group=later application-group=%{HOST}");
    accepted("WSGIScriptAliasMatch ^/a /b$1 process-group=later application-group=x");
}

#[test]
fn handler_script() {
    refused("WSGIHandlerScript name", "Location of handler script not supplied.");
    refused("WSGIHandlerScript name \"\"", "Location of handler script not supplied.");
    refused("WSGIHandlerScript \"\" /a", "Name for handler script not supplied.");
    refused("WSGIHandlerScript name /a unknown=x", "Invalid option to WSGI handler script definition.");
    refused("WSGIHandlerScript name /a pass-authorization=x", "Invalid value for authorization flag.");
    refused("WSGIHandlerScript name /a application-group=", "Invalid name for WSGI application group.");
    accepted("WSGIHandlerScript name /a application-group=x");
}

#[test]
fn import_script() {
    refused(
        "WSGIImportScript \"\" process-group=p application-group=x",
        "Location of import script not supplied.",
    );
    refused("WSGIImportScript /a", "Name of WSGI application group required.");
    refused("WSGIImportScript /a process-group=%{GLOBAL}", "Name of WSGI application group required.");
    refused("WSGIImportScript /a application-group=%{GLOBAL}", "Name of WSGI process group required.");
    refused(
        "WSGIImportScript /a process-group=p application-group=x",
        "WSGI process group not yet configured.",
    );
    refused("WSGIImportScript /a unknown=x", "Invalid option to WSGI import script definition.");
    accepted("WSGIImportScript /a process-group=%{GLOBAL} application-group=%{GLOBAL}");
}

#[test]
fn hash_seed() {
    let message = r#"WSGIPythonHashSeed must be "random" or an integer in range [0; 4294967295]"#;
    for value in ["x", "-1", "4294967296", "1x"] {
        refused(&format!("WSGIPythonHashSeed {value}"), message);
    }
    for value in ["random", "0", "4294967295"] {
        accepted(&format!("WSGIPythonHashSeed {value}"));
    }
}

#[test]
fn switch_interval() {
    for value in ["0", "-1"] {
        refused(
            &format!("WSGISwitchInterval {value}"),
            "WSGISwitchInterval must be a positive number of seconds.",
        );
    }
    accepted("WSGISwitchInterval 0.001");
}

/// Directives of old releases, which mod_wsgi 6 refuses: sites still have them.
#[test]
fn of_old_releases() {
    for line in [
        "WSGILazyInitialization On",
        "WSGIPy3kWarningFlag Off",
        "WSGIReloadMechanism Module",
        "WSGIOutputBuffering On",
        "WSGIPythonExecutable /usr/bin/python2",
        "WSGINewRelicConfigFile /etc/newrelic.ini",
        "WSGINewRelicEnvironment production",
        "<Location />\nWSGIUserAuthoritative Off\n</Location>",
    ] {
        let name = line.split_whitespace().find(|word| word.starts_with("WSGI")).unwrap();
        let test = httpd().config(line).configtest();
        let kept = differs(false, true, "what has no effect need not stop a site");
        assert_eq!(test.accepted, kept, "{}", test.output);
        if kept {
            let said = format!("{name} has no effect: ");
            assert_eq!(test.output.matches(&said).count(), 1, "{}", test.output);
            let s = crate::showing().config(line).start();
            s.wait_log(&format!("WSGI1045: .*httpd.conf:[0-9]+: {said}"));
            assert_eq!(s.get("/").status, 200);
        }
    }
    if subject() == Subject::Ours {
        refused("WSGILazyInitialization X", "WSGILazyInitialization must be one of: Off | On");
    }
}

/// Nothing is checked about scripts at this point.
#[test]
fn missing_files_are_accepted() {
    accepted("WSGIScriptAlias / /no/such/file.wsgi\nWSGIPythonPath /no/such/directory");
}
