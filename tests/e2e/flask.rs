//! A Flask application, mounted below a prefix: routing, forms, sessions, files, streaming, errors.

use harness::*;

const APP: &str = r"
    import io, os
    from flask import Flask, Response, abort, jsonify, request, send_file, session, stream_with_context, url_for

    app = application = Flask(__name__)
    app.secret_key = 'for tests'
    HERE = os.path.dirname(os.path.abspath(__file__))

    @app.get('/where')
    def where():
        return jsonify(url=url_for('where'), external=url_for('where', _external=True), root=request.script_root,
                       path=request.path, args=request.args.to_dict(flat=False))

    @app.post('/form')
    def form():
        return jsonify(request.form.to_dict())

    @app.post('/json')
    def as_json():
        return jsonify(total=sum(request.get_json()['numbers']))

    @app.get('/visit')
    def visit():
        session['visits'] = session.get('visits', 0) + 1
        return str(session['visits'])

    @app.get('/file')
    def file():
        return send_file(HERE + '/data', mimetype='text/plain', conditional=True)

    @app.get('/stream')
    def stream():
        return Response(stream_with_context(request.path + ' %d\n' % i for i in range(3)), mimetype='text/plain')

    @app.get('/teapot')
    def teapot():
        abort(418)

    @app.get('/fail')
    def fail():
        raise ValueError('in a view')";

fn site() -> Httpd {
    httpd()
        .script("site.wsgi", APP)
        .file("data", vec![b'd'; 100_000])
        .config("WSGIScriptAlias /app {dir}/site.wsgi")
}

#[test]
fn urls_below_a_prefix() {
    let s = site().start();
    let r = s.get("/app/where?a=1&a=2&b=%C3%A9").json();
    assert_eq!(r["url"], "/app/where");
    assert_eq!(r["external"], format!("http://localhost:{}/app/where", s.port()));
    assert_eq!((&r["root"], &r["path"]), (&"/app".into(), &"/where".into()));
    assert_eq!(r["args"], serde_json::json!({"a": ["1", "2"], "b": ["é"]}));
}

#[test]
fn bodies() {
    let s = site().start();
    let r = s
        .request("POST", "/app/form")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("x=1&y=a+b")
        .send();
    assert_eq!(r.json(), serde_json::json!({"x": "1", "y": "a b"}));
    let r = s
        .request("POST", "/app/json")
        .header("Content-Type", "application/json")
        .body(r#"{"numbers": [1, 2, 3]}"#)
        .send();
    assert_eq!(r.json()["total"], 6);
}

#[test]
fn session_cookie() {
    let s = site().start();
    let mut cookie = String::new();
    for visits in ["1", "2", "3"] {
        let r = s.request("GET", "/app/visit").header("Cookie", &cookie).send();
        assert_eq!(r.text(), visits);
        cookie = r.header("Set-Cookie").unwrap().split(';').next().unwrap().to_owned();
    }
}

#[test]
fn files_and_streams() {
    let s = site().start();
    let r = s.get("/app/file");
    assert_eq!((r.body.len(), r.header("Content-Length"), r.complete), (100_000, Some("100000"), true));
    let r = s.request("GET", "/app/file").header("If-None-Match", r.header("ETag").unwrap()).send();
    assert_eq!(r.status, 304);
    let r = s.request("GET", "/app/file").header("Range", "bytes=10-19").send();
    assert_eq!((r.status, r.text().as_str()), (206, "dddddddddd"));
    assert_eq!(s.get("/app/stream").text(), "/stream 0\n/stream 1\n/stream 2\n");
}

#[test]
fn errors() {
    let s = site().allow_log("Exception on /fail|ValueError: in a view").allow_traceback().start();
    assert_eq!(s.get("/app/teapot").status, 418);
    assert_eq!(s.get("/app/none").status, 404);
    let r = s.get("/app/fail");
    assert!(r.status == 500 && r.text().contains("Internal Server Error"));
    s.wait_log("ValueError: in a view");
    assert_eq!(s.request("PUT", "/app/where").send().status, 405);
}

/// The instance folder, which a relative database is in, and the templates of a package loader are beside the script.
#[test]
fn folders_beside_the_script() {
    let s = httpd()
        .script(
            "site.wsgi",
            r"
            from flask import Flask, render_template
            import jinja2
            app = application = Flask(__name__)
            app.jinja_loader = jinja2.PackageLoader(__name__, 'pages')

            @app.get('/where')
            def where():
                return app.instance_path

            @app.get('/page')
            def page():
                return render_template('page.html', name='x')",
        )
        .file("pages/page.html", "page of {{ name }}")
        .config("WSGIScriptAlias / {dir}/site.wsgi")
        .start();
    assert_eq!(s.get("/where").text(), s.dir().join("instance").to_str().unwrap());
    assert_eq!(s.get("/page").text(), "page of x");
}
