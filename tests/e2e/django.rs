//! A fresh Django project: its admin through the login form, static files, streaming, a large upload.

use std::path::Path;

use harness::*;

use crate::{append, run, template};

/// `django-admin startproject site`, a database with an administrator, collected static files, and three views.
fn project(httpd: Httpd) -> Httpd {
    let dir = httpd.dir().to_owned();
    template::once("site", &dir, "mysite", || make(&dir));
    let database = dir.join("state/db.sqlite3");
    std::fs::rename(dir.join("mysite/db.sqlite3"), &database).expect("the database");
    append(
        &dir.join("mysite/mysite/settings.py"),
        &format!("\nDATABASES['default']['NAME'] = '{}'\n", database.display()),
    );
    give_to_www_data(&database);
    httpd.config(
        "
        WSGIPythonPath {dir}/mysite
        WSGIScriptAlias / {dir}/mysite/mysite/wsgi.py
        Alias /static {dir}/mysite/static",
    )
}

/// The same wherever it is.
fn make(dir: &Path) {
    run(dir, "django-admin", &["startproject", "mysite"]);
    let site = dir.join("mysite");
    append(
        &site.join("mysite/settings.py"),
        "
        DEBUG = False
        ALLOWED_HOSTS = ['localhost']
        STATIC_ROOT = BASE_DIR / 'static'
        ",
    );
    append(
        &site.join("mysite/urls.py"),
        r"
        import time, zlib
        from django.http import HttpResponse, StreamingHttpResponse
        from django.views.decorators.csrf import csrf_exempt

        def hello(request):
            return HttpResponse('hello ' + request.get_full_path() + ' ' + request.build_absolute_uri())

        def stream(request):
            return StreamingHttpResponse(('%07d\n' % i for i in range(1000)), content_type='text/plain')

        @csrf_exempt
        def upload(request):
            file, checksum = request.FILES['file'], 1
            for block in file.chunks():
                checksum = zlib.adler32(block, checksum)
            return HttpResponse('%s %d %d %s' % (file.name, file.size, checksum, request.POST['note']))

        def fail(request):
            raise ValueError('in a view')

        urlpatterns += [path('hello', hello), path('stream', stream), path('upload', upload), path('fail', fail)]
        ",
    );
    run(&site, "python", &["manage.py", "migrate", "--verbosity", "0"]);
    let admin = ["manage.py", "createsuperuser", "--noinput", "--username", "admin", "--email", "a@b.test"];
    run(&site, "python", &admin);
    run(&site, "python", &["manage.py", "collectstatic", "--noinput", "--verbosity", "0"]);
}

/// The value of a cookie the answer sets.
fn cookie(r: &Response, name: &str) -> String {
    let prefix = format!("{name}=");
    let found =
        r.all("Set-Cookie").into_iter().find_map(|c| c.trim_start().strip_prefix(&prefix)?.split(';').next());
    found.unwrap_or_else(|| panic!("no cookie {name} in {:?}", r.headers)).to_owned()
}

#[test]
fn pages_and_static_files() {
    let s = project(httpd()).start();
    let r = s.get("/hello?x=1");
    assert_eq!(r.text(), format!("hello /hello?x=1 http://localhost:{}/hello?x=1", s.port()));
    assert_eq!(r.header("Content-Type"), Some("text/html; charset=utf-8"));
    let r = s.get("/static/admin/css/base.css");
    assert!(r.status == 200 && r.text().contains("body"), "{}", r.status);
    assert_eq!(s.get("/no/such/page").status, 404);
    let r = s.get("/stream");
    assert!(r.complete && r.body.len() == 8000 && r.text().ends_with("0000999\n"));
    let r = s.request("HEAD", "/hello").send();
    assert_eq!((r.status, r.body.len()), (200, 0));
}

/// Login form, CSRF token, session in the database, a change, logout.
#[test]
fn admin_login() {
    let s = project(httpd()).start();
    let r = s.get("/admin/");
    assert_eq!((r.status, r.header("Location")), (302, Some("/admin/login/?next=/admin/")));
    let form = s.get("/admin/login/?next=/admin/");
    let csrf = cookie(&form, "csrftoken");
    let page = form.text();
    let (_, rest) = page.split_once(r#"name="csrfmiddlewaretoken" value=""#).expect("a token in the form");
    let token = rest.split('"').next().unwrap();

    let log_in = |token: &str, password: &str| {
        s.request("POST", "/admin/login/?next=/admin/")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Cookie", &format!("csrftoken={csrf}"))
            .header("Referer", &format!("http://localhost:{}/admin/login/", s.port()))
            .body(format!("csrfmiddlewaretoken={token}&username=admin&password={password}&next=/admin/"))
            .send()
    };
    assert_eq!(log_in("wrong", "secret-1234").status, 403);
    assert_eq!(log_in(token, "wrong").status, 200, "the form again");
    let r = log_in(token, "secret-1234");
    assert_eq!((r.status, r.header("Location")), (302, Some("/admin/")));
    let session = cookie(&r, "sessionid");

    let r = s.request("GET", "/admin/").header("Cookie", &format!("sessionid={session}")).send();
    assert_eq!(r.status, 200);
    assert!(r.text().contains("Site administration"), "{}", r.text());
    let r = s.request("GET", "/admin/auth/user/").header("Cookie", &format!("sessionid={session}")).send();
    assert!(r.text().contains("a@b.test"));
}

/// The checksum zlib.adler32 computes.
fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes
        .iter()
        .fold((1_u64, 0_u64), |(a, b), byte| ((a + *byte as u64) % 65521, (a + b + *byte as u64) % 65521));
    (b << 16 | a) as u32
}

#[test]
fn upload_of_50_megabytes() {
    let s = project(httpd()).start();
    let file: Vec<u8> = (0_u32..50 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut body =
        b"--frontier\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nmine\r\n--frontier\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"big.bin\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
            .to_vec();
    body.extend_from_slice(&file);
    body.extend_from_slice(b"\r\n--frontier--\r\n");
    let r = s
        .request("POST", "/upload")
        .header("Content-Type", "multipart/form-data; boundary=frontier")
        .body(&body)
        .send();
    assert_eq!(r.text(), format!("big.bin {} {} mine", file.len(), adler32(&file)));
}

/// Django answers with its own error page; what it logs reaches Apache's log.
#[test]
fn failing_view() {
    let s =
        project(httpd()).allow_log("Internal Server Error|ValueError: in a view").allow_traceback().start();
    let r = s.get("/fail");
    assert!(r.status == 500 && r.text().contains("Server Error (500)"), "{}", r.text());
    assert_eq!(s.get("/hello").status, 200);
}
