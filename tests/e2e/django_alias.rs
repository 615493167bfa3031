//! WSGIDjangoAlias: a project is served the way `manage.py runserver` serves it, with no script file and no edit but
//! ALLOWED_HOSTS; and what it refuses to serve is explained.

use std::fs;
use std::path::PathBuf;

use harness::*;
use serde_json::{Value, json};

use crate::{append, run, template};

/// What every test but the first changes: no database, so no word about its migrations.
const SETTINGS: &str = "
    ALLOWED_HOSTS = ['localhost']
    DATABASES = {}
    ";

/// `/state` tells what the application finds around it; Django's answer to `/static/…` is recognisable.
const URLS: &str = "
    import os, sys, time
    from django.conf import settings
    from django.http import HttpResponse, JsonResponse
    from django.templatetags.static import static
    from django.urls import re_path, reverse
    from django.utils import timezone
    from django.utils.translation import gettext

    AT_START = gettext('Monday')

    def state(request):
        return JsonResponse({
            'settings': settings.SETTINGS_MODULE, 'path': sys.path, 'monday': [AT_START, gettext('Monday')],
            'environ': [os.environ.get('DJANGO_SETTINGS_MODULE'), os.environ.get('TZ')], 'zone': time.tzname[0],
            'offset': timezone.localtime().utcoffset().total_seconds() / 3600,
            'urls': [reverse('state'), static('x.css')],
            'modules': sorted(m for m in sys.modules if m in ('first', 'second')),
        })

    def not_apache(request):
        return HttpResponse('from Django', status=404)

    urlpatterns += [path('state', state, name='state'), re_path('^static/', not_apache)]
    ";

/// `django-admin startproject NAME` in the server's directory.
fn start_project(httpd: Httpd, name: &str, settings: &str) -> Httpd {
    template::start_project(httpd.dir(), name);
    let package = httpd.dir().join(name).join(name);
    append(&package.join("settings.py"), SETTINGS);
    append(&package.join("settings.py"), settings);
    append(&package.join("urls.py"), URLS);
    httpd
}

fn project(settings: &str) -> Httpd {
    start_project(httpd(), "mysite", settings)
}

/// An application with a system check that finds an error and a warning as long as `{dir}/state/broken` exists.
fn with_checks(httpd: Httpd) -> Httpd {
    let broken = httpd.dir().join("state/broken");
    fs::write(&broken, "").unwrap();
    append(
        &httpd.dir().join("mysite/mysite/settings.py"),
        "\nINSTALLED_APPS += ['checked.apps.CheckedConfig']\nSILENCED_SYSTEM_CHECKS = ['checked.E9']\n",
    );
    httpd.script("mysite/checked/__init__.py", "").script(
        "mysite/checked/apps.py",
        &format!(
            "
            import os
            from django.apps import AppConfig
            from django.core import checks

            @checks.register()
            def look(app_configs, **kwargs):
                found = [checks.Warning('the paint is wet', id='checked.W1'), checks.Error('unheard', id='checked.E9')]
                if os.path.exists('{}'):
                    found.append(checks.Error('the door is open', hint='shut it', id='checked.E1'))
                return found

            class CheckedConfig(AppConfig):
                name = 'checked'
            ",
            broken.display()
        ),
    )
}

/// What the log says of a start that failed for this reason.
fn failing(httpd: Httpd, reason: &str) -> Httpd {
    httpd
        .expect_log("WSGI01(09|10): .*(raised|cannot be|was loaded)")
        .allow_log("WSGI10(15|16|25): |HINT")
        .expect_traceback(reason)
        // Of Python 3.11's _decimal, when an interpreter after the one that failed imports it.
        .allow_log("mpd_setminalloc|^$")
}

#[track_caller]
fn assert_503(s: &Server, target: &str) {
    let r = s.get(target);
    assert_eq!(r.status, 503, "{}", r.text());
    assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
    assert!(!r.text().contains("door") && !r.text().contains("Traceback"), "visitors are told: {}", r.text());
}

#[track_caller]
fn state(s: &Server, target: &str) -> Value {
    let r = s.get(target);
    assert_eq!(r.status, 200, "{}", r.text());
    r.json()
}

/// The entries of sys.path below the server's directory.
fn own_paths(s: &Server, state: &Value) -> Vec<PathBuf> {
    let paths =
        state["path"].as_array().expect("sys.path").iter().map(|p| PathBuf::from(p.as_str().unwrap()));
    paths.filter(|p| p.starts_with(s.dir())).collect()
}

/// As it comes from startproject, migrated, with one line edited.
#[test]
fn fresh_project() {
    needs!("WSGIDjangoAlias");
    let httpd = httpd();
    template::start_project(httpd.dir(), "mysite");
    let settings = httpd.dir().join("mysite/mysite/settings.py");
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.contains("ALLOWED_HOSTS = []"));
    fs::write(&settings, text.replace("ALLOWED_HOSTS = []", "ALLOWED_HOSTS = ['localhost']")).unwrap();
    run(&httpd.dir().join("mysite"), "python", &["manage.py", "migrate", "--verbosity", "0"]);
    let s = httpd
        .config("WSGIDjangoAlias / {dir}/mysite")
        .expect_log("WSGI1025: the system checks of 'mysite.settings' found 0 issue")
        .allow_log("Not Found: /no/such/page")
        .start();
    let r = s.get("/");
    assert!(r.status == 200 && r.text().contains("The install worked successfully!"), "{}", r.text());
    let r = s.get("/admin/");
    assert_eq!((r.status, r.header("Location")), (302, Some("/admin/login/?next=/admin/")));
    assert_eq!(s.get("/admin/login/").status, 200);
    let r = s.get("/no/such/page");
    assert!(r.status == 404 && r.text().contains("DEBUG = True"), "{}", r.text());
    assert_eq!(s.logged("migration"), [""; 0], "all are applied");
}

#[test]
fn surroundings() {
    needs!("WSGIDjangoAlias");
    let s = project("\nLANGUAGE_CODE = 'de'\nTIME_ZONE = 'Asia/Tokyo'\n")
        .expect_log("WSGI1062: ")
        .config("WSGIDjangoAlias / {dir}/mysite")
        .allow_log("TZ|time zone")
        .start();
    let state = state(&s, "/state");
    assert_eq!(own_paths(&s, &state), [s.dir().join("mysite")], "not the parent, and only once");
    assert_eq!(state["path"][0], s.dir().join("mysite").to_str().unwrap());
    assert_eq!(state["environ"], json!(["mysite.settings", "Asia/Tokyo"]));
    assert_eq!(state["settings"], "mysite.settings");
    assert_eq!(state["monday"], json!(["Montag", "Montag"]), "at the start, in a request");
    assert_eq!((&state["zone"], &state["offset"]), (&json!("JST"), &json!(9.0)));
    assert_eq!(state["urls"], json!(["/state", "/static/x.css"]));
    s.touch("mysite/manage.py");
    assert_eq!(self::state(&s, "/state"), state, "after a reload");
}

/// URLs made during the start (system checks read STATIC_URL) must not be those of an application at "/".
#[test]
fn below_a_path() {
    needs!("WSGIDjangoAlias");
    let s = project("").config("WSGIDjangoAlias /app {dir}/mysite").start();
    assert_eq!(state(&s, "/app/state")["urls"], json!(["/app/state", "/app/static/x.css"]));
    assert_eq!(s.get("/state").status, 404);
}

/// The same for those that a module makes while it is imported; static() keeps the first prefix it sees for good.
#[test]
fn urls_made_during_the_start() {
    needs!("WSGIDjangoAlias");
    let httpd = project("");
    append(
        &httpd.dir().join("mysite/mysite/urls.py"),
        "
        LOGO = static('logo.png')
        urlpatterns += [re_path('^logo', lambda request: JsonResponse([LOGO, static('x.css')], safe=False))]
        ",
    );
    let s = httpd.config("WSGIDjangoAlias /app {dir}/mysite").start();
    assert_eq!(state(&s, "/app/logo"), json!(["/app/static/logo.png", "/app/static/x.css"]));
}

#[test]
fn warm_up() {
    needs!("WSGIDjangoAlias");
    let s = project("").config("WSGIDjangoAlias / {dir}/mysite preload=on warmup=/state").start();
    s.wait_log("WSGI1011: loaded .* warm-up");
    assert_eq!(s.logged("WSGI1024"), [""; 0]);
    assert_eq!(s.get("/state").status, 200);
}

#[test]
fn named_settings() {
    needs!("WSGIDjangoAlias");
    let httpd =
        project("").script("mysite/mysite/special.py", "from .settings import *\nTIME_ZONE = 'Asia/Tokyo'");
    fs::remove_file(httpd.dir().join("mysite/manage.py")).unwrap();
    // The project's wsgi.py names the other settings; it comes too late to matter.
    let s = httpd
        .config("WSGIDjangoAlias / {dir}/mysite settings=mysite.special")
        .allow_log("TZ|time zone")
        .start();
    let state = state(&s, "/state");
    assert_eq!(state["settings"], "mysite.special");
    assert_eq!(state["environ"], json!(["mysite.special", "Asia/Tokyo"]));
}

#[test]
fn failed_check() {
    needs!("WSGIDjangoAlias");
    let httpd = with_checks(project("")).config("WSGIDjangoAlias / {dir}/mysite");
    let s = failing(httpd, "ProjectError: .*checked.E1. the door is open")
        .expect_log("wsgi:error.*WSGI1025: system check: .*checked.E1. the door is open")
        .expect_log("wsgi:error.*HINT: shut it")
        .expect_log("wsgi:warn.*WSGI1025: system check: .*checked.W1. the paint is wet")
        .expect_log("found 2 issue.s. .1 silenced")
        .start();
    assert_503(&s, "/state");
    assert_eq!(s.logged("unheard"), [""; 0]);
    fs::remove_file(s.dir().join("state/broken")).unwrap();
    poll::until("the next attempt to succeed", || (s.get("/state").status == 200).then_some(()));
}

#[test]
fn warnings_are_enough_if_asked() {
    needs!("WSGIDjangoAlias");
    let httpd = with_checks(project(""));
    fs::remove_file(httpd.dir().join("state/broken")).unwrap();
    let httpd = httpd.config(
        "
        WSGIDjangoAlias /strict {dir}/mysite checks=warning application-group=strict
        WSGIDjangoAlias /usual {dir}/mysite checks=error application-group=usual",
    );
    let s = failing(httpd, "ProjectError: .*checked.W1. the paint is wet").start();
    assert_503(&s, "/strict/state");
    assert_eq!(s.get("/usual/state").status, 200);
}

#[test]
fn checks_off() {
    needs!("WSGIDjangoAlias");
    let s = with_checks(project("")).config("WSGIDjangoAlias / {dir}/mysite checks=off").start();
    assert_eq!(s.get("/state").status, 200);
    assert_eq!(s.logged("WSGI1025"), [""; 0]);
}

/// A view that cannot be imported is found at the start, with or without checks, not by the visitor who needs it.
#[test]
fn broken_view() {
    needs!("WSGIDjangoAlias");
    for checks in ["error", "off"] {
        let httpd = project("").script("mysite/mysite/views.py", "import no_such_module");
        append(&httpd.dir().join("mysite/mysite/urls.py"), "\nfrom . import views\n");
        let httpd = httpd.config(&format!("WSGIDjangoAlias / {{dir}}/mysite checks={checks}"));
        let s = failing(httpd, "ModuleNotFoundError: No module named 'no_such_module'").start();
        assert_503(&s, "/state");
        s.write_file("mysite/mysite/views.py", "");
        s.touch("mysite/mysite/views.py");
        poll::until("the repaired view", || (s.get("/state").status == 200).then_some(()));
    }
}

#[test]
fn unapplied_migrations() {
    needs!("WSGIDjangoAlias");
    let httpd = httpd();
    let name = httpd.dir().join("state/db.sqlite3");
    let database = "{'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '%'}}";
    let database = database.replace('%', name.to_str().unwrap());
    let s = start_project(httpd, "mysite", &format!("\nDATABASES = {database}\n"))
        .config("WSGIDjangoAlias / {dir}/mysite")
        .expect_log("wsgi:warn.*WSGI1025: 18 unapplied migration.*admin, auth, contenttypes, sessions.*manage.py migrate")
        .start();
    assert_eq!(s.get("/state").status, 200);
}

#[test]
fn unreachable_database() {
    needs!("WSGIDjangoAlias");
    let s = project(
        "\nDATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '/nonexistent/x'}}\n",
    )
    .config("WSGIDjangoAlias / {dir}/mysite")
    .expect_log("wsgi:warn.*WSGI1025: it is not known which migrations .*OperationalError")
    .start();
    assert_eq!(s.get("/state").status, 200);
}

/// Apache's own handler answers below the URL, whatever is there; nothing of it reaches Django.
#[test]
fn static_files_by_apache() {
    needs!("WSGIDjangoAlias");
    for at in ["/", "/app"] {
        let below = at.trim_end_matches('/');
        let s = project("")
            .script("collected/x.css", "body {}")
            .config(&format!("WSGIDjangoAlias {at} {{dir}}/mysite static={below}/static:{{dir}}/collected"))
            .allow_log("Not Found: ")
            .start();
        let url = format!("{below}/static/x.css");
        let r = s.get(&url);
        assert_eq!((r.status, r.text().trim()), (200, "body {}"));
        assert!(r.header("Last-Modified").is_some() && r.header("ETag").is_some(), "{:?}", r.headers);
        assert_eq!(r.header("X-Frame-Options"), None, "which Django sends");
        let etag = r.header("ETag").unwrap().to_owned();
        assert_eq!(s.request("GET", &url).header("If-None-Match", &etag).send().status, 304);
        let r = s.get(&format!("{below}/static/none.css"));
        assert!(r.status == 404 && !r.text().contains("from Django"), "{}", r.text());
        assert_eq!(s.get(&format!("{below}/state")).status, 200);
        assert_eq!(
            s.get(&format!("{below}/staticfiles")).header("X-Frame-Options"),
            Some("DENY"),
            "is Django's"
        );
    }
}

#[test]
fn static_files_by_django() {
    needs!("WSGIDjangoAlias");
    for at in ["/", "/app"] {
        let below = at.trim_end_matches('/');
        let s = project("\nDEBUG = False\n")
            .config(&format!("WSGIDjangoAlias {at} {{dir}}/mysite static=finders"))
            .start();
        let r = s.get(&format!("{below}/static/admin/css/base.css"));
        assert!(
            r.status == 200 && r.text().contains("DJANGO Admin styles"),
            "{at}: {} {}",
            r.status,
            r.text()
        );
        assert_eq!(r.header("Content-Type"), Some("text/css"));
        assert_eq!(s.get(&format!("{below}/state")).status, 200);
        let r = s.get(&format!("{below}/static/none.css"));
        assert!(r.status == 404 && !r.text().contains("from Django"), "{}", r.text());
    }
}

/// As with any alias, what `<Directory>` says of the project's directory applies.
#[test]
fn access() {
    needs!("WSGIDjangoAlias");
    let denied = "<Directory />\nRequire all denied\n</Directory>\nWSGIDjangoAlias / {dir}/mysite";
    let granted = "<Directory {dir}/mysite>\nRequire all granted\n</Directory>";
    let s = project("").config(denied).allow_log("AH01630").start();
    assert_eq!(s.get("/state").status, 403);
    let s = project("").config(denied).config(granted).start();
    assert_eq!(s.get("/state").status, 200);
}

#[test]
fn two_projects() {
    needs!("WSGIDjangoAlias");
    let httpd = start_project(httpd(), "first", "\nTIME_ZONE = 'Asia/Tokyo'\n");
    let s = start_project(httpd, "second", "\nTIME_ZONE = 'America/New_York'\n")
        .config("WSGIDjangoAlias /1 {dir}/first\nWSGIDjangoAlias /2 {dir}/second")
        .allow_log("TZ|time zone")
        .start();
    for (at, name, zone) in
        [("/1", "first", "Asia/Tokyo"), ("/2", "second", "America/New_York"), ("/1", "first", "Asia/Tokyo")]
    {
        let state = state(&s, &format!("{at}/state"));
        assert_eq!(state["environ"], json!([format!("{name}.settings"), zone]));
        assert_eq!(state["modules"], json!([name]));
        assert_eq!(own_paths(&s, &state), [s.dir().join(name)]);
        assert_eq!(state["offset"] == 9.0, name == "first", "{state}");
    }
}

/// Django keeps one project in an interpreter; the one that came second is told so, the first is served.
#[test]
fn two_projects_in_one_interpreter() {
    needs!("WSGIDjangoAlias");
    let httpd = start_project(httpd(), "first", "");
    let httpd = start_project(httpd, "second", "").config(
        "
        WSGIDjangoAlias /1 {dir}/first application-group=both
        WSGIDjangoAlias /2 {dir}/second application-group=both",
    );
    let reason = "ProjectError: Django already runs 'first.settings' .* application group of its own";
    let s = failing(httpd, reason)
        .expect_log("WSGI1099: .*/second shares interpreter 'both' of .*/first at ")
        .start();
    assert_eq!(s.get("/1/state").status, 200);
    assert_503(&s, "/2/state");
    assert_eq!(s.get("/1/state").status, 200);
}

/// One project with two settings modules counts as two.
#[test]
fn two_settings_in_one_interpreter() {
    needs!("WSGIDjangoAlias");
    let httpd = project("").script("mysite/mysite/special.py", "from .settings import *").config(
        "
        WSGIDjangoAlias /1 {dir}/mysite application-group=both
        WSGIDjangoAlias /2 {dir}/mysite settings=mysite.special application-group=both",
    );
    let s = failing(httpd, "ProjectError: Django already runs 'mysite.settings' .*'mysite.special'")
        .allow_log("WSGI1099")
        .start();
    assert_eq!(state(&s, "/1/state")["settings"], "mysite.settings");
    assert_503(&s, "/2/state");
}

/// A start as www-data meets what a configuration test as root cannot see. Below an alias Apache itself says 403 first.
#[test]
fn unreadable_project() {
    needs!("WSGIDjangoAlias");
    let root = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0;
    skip_if!(!root, "children run as who starts the tests");
    let httpd = project("");
    let script = format!(
        "from mod_wsgi.django import get_application; application = get_application('{}/mysite')",
        httpd.dir().display()
    );
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(httpd.dir().join("mysite"), closed).unwrap();
    let httpd = httpd
        .script("site.wsgi", &script)
        .config("WSGIDjangoAlias /alias {dir}/mysite\nWSGIScriptAlias /script {dir}/site.wsgi");
    let s = failing(httpd, "ProjectError: .*mysite' cannot be read by the user 'www-data'")
        .allow_log("AH00035|AH00529|WSGI1098: .*the user www-data may not enter")
        .start();
    assert_503(&s, "/script/state");
    assert_eq!(s.get("/alias/state").status, 403);
}

#[test]
fn refused_configurations() {
    needs!("WSGIDjangoAlias");
    for (line, message) in [
        ("WSGIDjangoAlias /", "WSGIDjangoAlias"),
        ("WSGIDjangoAlias / {dir}/none", "/none"),
        ("WSGIDjangoAlias / {dir}/mysite/manage.py", "manage.py"),
        ("WSGIDjangoAlias / {dir}/htdocs", "manage.py"),
        ("WSGIDjangoAlias / {dir}/htdocs settings=mysite.settings", "settings"),
        ("WSGIDjangoAlias / {dir}/mysite/mysite", "manage.py"),
        ("WSGIDjangoAlias / {dir}/mysite checks=maybe", "maybe"),
        ("WSGIDjangoAlias / {dir}/mysite settings=", "settings"),
        ("WSGIDjangoAlias / {dir}/mysite static=everything", "everything"),
        ("WSGIDjangoAlias / {dir}/mysite static=/static:", "static"),
        ("WSGIDjangoAlias / {dir}/mysite static=static:{dir}/htdocs", "static"),
        ("WSGIDjangoAlias / {dir}/mysite colour=red", "colour"),
        ("WSGIDjangoAlias / {dir}/mysite callable-object=app", "callable-object"),
    ] {
        let test = project("").config(line).configtest();
        assert!(!test.accepted, "accepted: {line}");
        assert!(test.output.contains(message), "{line}: expected {message:?}, got {}", test.output);
    }
    project("")
        .config("WSGIDjangoAlias / {dir}/mysite checks=warning static=/s:{dir}/htdocs")
        .expect_config_ok();
}

/// A name that other scripts of the server use for their callable says nothing about a project.
#[test]
fn other_callables() {
    needs!("WSGIDjangoAlias");
    let s = project("").config("WSGICallableObject app\nWSGIDjangoAlias / {dir}/mysite").start();
    assert_eq!(s.get("/state").status, 200);
}

/// The function behind the directive, in a script of one's own: beside the project, and in the project's own wsgi.py,
/// which WSGI_APPLICATION names.
#[test]
fn from_a_script() {
    needs!("WSGIDjangoAlias");
    let text = "
        import mod_wsgi.django
        application = mod_wsgi.django.get_application('DIR/mysite', static='finders')
        ";
    for script in ["site.wsgi", "mysite/mysite/wsgi.py"] {
        let httpd = project("\nDEBUG = False\n");
        let text = text.replace("DIR", httpd.dir().to_str().unwrap());
        let s = httpd
            .script(script, &text)
            .config(&format!("WSGIScriptAlias /app {{dir}}/{script}"))
            .expect_log("WSGI1025: the system checks of 'mysite.settings' found 0 issue")
            .start();
        let before = state(&s, "/app/state");
        assert_eq!(before["urls"], json!(["/app/state", "/app/static/x.css"]), "{script}");
        assert_eq!(own_paths(&s, &before), [s.dir().join("mysite")]);
        assert_eq!(s.get("/app/static/admin/css/base.css").status, 200);
        s.touch(script);
        assert_eq!(state(&s, "/app/state"), before, "after a reload of {script}");
    }
}
