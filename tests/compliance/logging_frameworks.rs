//! What Flask and Django log of a request, with its level and the id of the request.

use harness::*;
use serde_json::Value;

use crate::json_log::{records, text};

fn with_handler(script: &str) -> Httpd {
    httpd()
        .script("app.wsgi", script)
        .config("WSGIScriptAlias / {dir}/app.wsgi\nWSGILogFormat json")
        .allow_log(r#"^\{"time":""#)
}

#[track_caller]
fn check(s: &Server, warning: (&str, &str), failure: &str) {
    let id = s.get("/warn").text();
    let record = &records(s, 1, |record| record["message"] == warning.1)[0];
    assert_eq!(
        (text(record, "level"), text(record, "logger"), text(record, "id")),
        ("warn", warning.0, &*id)
    );
    assert_eq!(s.get("/fail").status, 500);
    let record: &Value =
        &records(s, 1, |record| text(record, "exception").contains("ValueError: in a view"))[0];
    assert_eq!((text(record, "level"), text(record, "logger")), ("error", failure));
    assert!(!text(record, "id").is_empty() && text(record, "message").contains("/fail"), "{record}");
}

#[test]
fn flask() {
    only_ours!("the original has no such directive");
    let s = with_handler(
        "
        import logging, mod_wsgi
        logging.basicConfig(handlers=[mod_wsgi.LogHandler()], format='%(message)s', level=logging.INFO)
        from flask import Flask, request
        app = application = Flask('shop')
        @app.get('/warn')
        def warn():
            app.logger.warning('nearly empty')
            return request.environ['mod_wsgi.request_id']
        @app.get('/fail')
        def fail():
            raise ValueError('in a view')",
    )
    .start();
    check(&s, ("shop", "nearly empty"), "shop");
}

#[test]
fn django() {
    only_ours!("the original has no such directive");
    let s = with_handler(
        "
        from django.conf import settings
        settings.configure(SECRET_KEY='x', ALLOWED_HOSTS=['*'], ROOT_URLCONF=__name__, LOGGING={
            'version': 1, 'disable_existing_loggers': False,
            'handlers': {'apache': {'class': 'mod_wsgi.LogHandler'}},
            'root': {'handlers': ['apache'], 'level': 'INFO'},
            'loggers': {'django': {'handlers': ['apache'], 'level': 'INFO', 'propagate': False}},
        })
        import logging, django
        django.setup()
        from django.http import HttpResponse
        from django.urls import path
        def warn(request):
            logging.getLogger('shop.cart').warning('nearly empty')
            return HttpResponse(request.META['mod_wsgi.request_id'])
        def fail(request):
            raise ValueError('in a view')
        urlpatterns = [path('warn', warn), path('fail', fail)]
        from django.core.wsgi import get_wsgi_application
        application = get_wsgi_application()",
    )
    .start();
    check(&s, ("shop.cart", "nearly empty"), "django.request");
}
