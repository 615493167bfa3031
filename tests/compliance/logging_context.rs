//! The id of the request in records of `logging`, whoever makes them.

use harness::*;

use crate::serving;

const APP: &str = r#"
    import contextvars, io, json, logging, threading
    STREAM = io.StringIO()
    handler = logging.StreamHandler(STREAM)
    logging.getLogger().addHandler(handler)
    log = logging.getLogger('app')
    log.setLevel(logging.INFO)
    import mod_wsgi
    if SETUP:
        exec(SETUP)
    handler.setFormatter(logging.Formatter('%(message)s %(mod_wsgi_request_id)s'))
    def work(message):
        log.info(message)
    def application(environ, start_response):
        STREAM.seek(0), STREAM.truncate()
        log.info('request')
        context = contextvars.copy_context()
        for target in (lambda: context.run(work, 'copied'), lambda: work('bare')):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        log.info('extra', extra={'mod_wsgi_request_id': 'mine'})
        import asyncio
        async def task():
            await asyncio.to_thread(work, 'to_thread')
            log.info('task')
        asyncio.run(task())
        start_response('200 OK', [('Content-Type', 'application/json')])
        own = mod_wsgi.request_id()
        return [json.dumps([environ['mod_wsgi.request_id'], own, STREAM.getvalue().splitlines()]).encode()]
"#;

#[track_caller]
fn check(setup: &str) -> Server {
    let s = serving(&format!("SETUP = {setup:?}\n{}", text::dedent(APP))).start();
    // Requests do not see each other's.
    for _ in 0..3 {
        let answer = s.get("/").json();
        let id = answer[0].as_str().unwrap();
        assert_eq!(answer[1], id);
        let expected = ["request", "copied", "bare", "extra", "to_thread", "task"].map(|what| match what {
            // A thread that nobody gave the request's context; from Python 3.14 on some builds copy it.
            "bare" => "bare -".to_owned(),
            "extra" => "extra mine".to_owned(),
            what => format!("{what} {id}"),
        });
        assert_eq!(answer[2], serde_json::json!(expected));
    }
    s
}

#[test]
fn records_have_the_id() {
    only_ours!("the original leaves it to the application");
    check("");
}

/// What an application has put in the place of logging's own is left to it.
#[test]
fn factories_and_loggers_of_applications_go_on() {
    only_ours!("the original leaves it to the application");
    check(
        "
class Record(logging.LogRecord):
    pass
logging.setLogRecordFactory(Record)
class Logger(logging.Logger):
    def makeRecord(self, *args, **kwargs):
        record = super().makeRecord(*args, **kwargs)
        assert type(record) is Record
        return record
logging.setLoggerClass(Logger)
log = globals()['log'] = logging.getLogger('own')
log.setLevel(logging.INFO)
",
    );
}

#[test]
fn outside_of_requests_there_is_none() {
    only_ours!("the original leaves it to the application");
    let s = serving(
        "
        import mod_wsgi, threading
        BEFORE = mod_wsgi.request_id()
        def application(environ, start_response):
            seen = []
            thread = threading.Thread(target=lambda: seen.append(mod_wsgi.request_id()))
            thread.start(); thread.join()
            start_response('200 OK', [])
            return [repr([BEFORE, mod_wsgi.request_id() == environ['mod_wsgi.request_id'], seen]).encode()]",
    )
    .start();
    assert_eq!(s.get("/").text(), "[None, True, [None]]");
}
