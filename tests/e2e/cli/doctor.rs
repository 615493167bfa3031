//! `mod-wsgi doctor`

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// What doctor says of a configuration, as data.
fn examined(config: &std::path::Path) -> (Option<i32>, serde_json::Value) {
    let (code, stdout, stderr) = say(&["doctor", "--json", "--site", config.to_str().expect("a name")]);
    let value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    (code, value)
}

fn texts(value: &serde_json::Value, level: &str) -> Vec<String> {
    let list = value["findings"].as_array().expect("findings");
    let chosen = list.iter().filter(|finding| finding["level"] == level);
    chosen.map(|finding| finding["text"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn a_site_that_is_well_and_then_is_not() {
    let h = site();
    let (dir, port) = (h.directory(), h.port().to_string());
    let words = ["setup", "shop.wsgi", "--server-root", "root", "--port", &port, "--processes", "2"];
    assert_eq!(answer(command().args(words).current_dir(&dir)).0, Some(0));
    let config = dir.join("root/httpd.conf");
    let (code, value) = examined(&config);
    assert_eq!(texts(&value, "error"), [""; 0]);
    assert_eq!(code, Some(0));
    let facts = texts(&value, "fact").join("\n");
    for said in
        ["is httpd 2.4.", "the MPM is ", "group shop runs Python ", "because of WSGIPythonHome ", "can read "]
    {
        assert!(facts.contains(said), "{said}: {facts}");
    }

    skip_if!(!is_root(), "only root can look as another user");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).expect("mode");
    let (code, value) = examined(&config);
    let errors = texts(&value, "error").join("\n");
    assert_eq!(code, Some(1), "{errors}");
    let said = format!("may not enter {} (mode 0700, owner root), which leads to ", dir.display());
    assert!(errors.contains(&said) && errors.contains("run 'chmod o+x "), "{errors}");
    let (code, text, _) = say(&["doctor", "--site", config.to_str().expect("a name")]);
    assert!(code == Some(1) && text.contains("  X ") && text.contains("access\n"), "{text}");
}

#[test]
fn threads_that_apache_does_not_let_in_and_a_python_that_is_none() {
    let h = site();
    let dir = h.directory();
    let conf = h.fill(
        "User www-data\nGroup www-data\nServerRoot {dir}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {dir}/run/httpd.pid\nDefaultRuntimeDir {dir}/run\n\
         LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
         LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
         LoadModule wsgi_module {dir}/module/mod_wsgi.so\nErrorLog {dir}/logs/error.log\n\
         ThreadsPerChild 10\nServerLimit 2\nMaxRequestWorkers 20\n\
         WSGIDaemonProcess shop processes=4 threads=10\n\
         WSGIDaemonProcess blog python-home={dir}/logs\n\
         WSGIScriptAlias /shop {dir}/shop.wsgi process-group=shop\n\
         WSGIScriptAlias /blog {dir}/blog.wsgi process-group=blog\n",
    );
    let _h = h.file("httpd.conf", conf);
    let (code, value) = examined(&dir.join("httpd.conf"));
    let (errors, warnings) = (texts(&value, "error").join("\n"), texts(&value, "warning").join("\n"));
    assert_eq!(code, Some(1));
    assert!(
        warnings.contains("group shop has 40 threads, but Apache lets in 20 requests at a time"),
        "{warnings}"
    );
    assert!(
        errors.contains("group blog: python-home=") && errors.contains("holds no bin/python3"),
        "{errors}"
    );
    assert!(errors.contains("blog.wsgi is not there; "), "{errors}");
}

/// What is not written is what httpd takes for its MPM; groups that follow the load count with all their processes.
#[test]
fn limits_that_nobody_has_written() {
    for (mpm, lines, said) in [
        ("prefork", "", "group shop has 1500 threads, but Apache lets in 256 requests at a time"),
        (
            "event",
            "ThreadsPerChild 10\n",
            "MaxRequestWorkers 400 is more than ServerLimit 16 with 10 threads per child",
        ),
    ] {
        let h = site();
        let dir = h.directory();
        let conf = h.fill(&format!(
            "User www-data\nGroup www-data\nServerRoot {{dir}}\nServerName localhost\nListen 127.0.0.1:{{port}}\nPidFile {{dir}}/run/httpd.pid\n\
             DefaultRuntimeDir {{dir}}/run\nLoadModule mpm_{mpm}_module /usr/lib/apache2/modules/mod_mpm_{mpm}.so\n\
             LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
             LoadModule wsgi_module {{dir}}/module/mod_wsgi.so\nErrorLog {{dir}}/logs/error.log\n{lines}\
             WSGIDaemonProcess shop processes=1..100 home='{{dir}}'\n\
             WSGIScriptAlias / {{dir}}/shop.wsgi process-group=shop\n"
        ));
        let _h = h.file("httpd.conf", conf);
        let (_, value) = examined(&dir.join("httpd.conf"));
        let warnings = texts(&value, "warning").join("\n");
        assert!(warnings.contains(said), "{mpm}: {warnings}");
    }
}
