//! Events of requests, where a real Apache shows nothing that could not be seen here.

use super::Site;

/// Subscribed in its own request, an application hears of the next one; unsubscribed, of no other.
#[test]
fn subscribers_hear_of_requests_that_begin_afterwards() {
    let site = Site::in_group(
        "events",
        "
        import mod_wsgi
        SEEN = []
        def note(name, **event): SEEN.append(name)
        def application(environ, start_response):
            match environ['PATH_INFO']:
                case '/subscribe': mod_wsgi.subscribe_events(note)
                case '/unsubscribe': mod_wsgi.event_callbacks.clear()
            start_response('200 OK', [])
            return [' '.join(SEEN).encode()]
        ",
    );
    let ask = |path: &str| site.ask().set("PATH_INFO", path).send().ok();
    assert_eq!(ask("/subscribe"), "");
    assert_eq!(ask("/"), "request_started response_started");
    let all = "request_started response_started request_finished request_started";
    assert_eq!(ask("/unsubscribe"), all);
    assert_eq!(ask("/"), all, "it heard of nothing more");
}

/// What interrupts a request interrupts its callbacks too.
#[test]
fn a_callback_that_is_interrupted() {
    let site = Site::in_group(
        "events interrupted",
        "
        import mod_wsgi
        SEEN = []
        @mod_wsgi.subscribe_events
        def late(name, **event):
            SEEN.append(name)
            if name == event.get('request_environ', {}).get('PATH_INFO'): raise mod_wsgi.RequestTimeout
        def application(environ, start_response):
            start_response('200 OK', [])
            return [' '.join(SEEN).encode()]
        ",
    );
    let late = site.ask().set("PATH_INFO", "request_started").send();
    assert_eq!(late.head.as_ref().map(|head| head.status), Some(504), "{}", late.log());
    let seen = "request_started request_exception request_finished request_started response_started";
    assert_eq!(site.get().ok(), seen);
}

/// `active_requests` costs nothing until it is used, and is true from then on.
#[test]
fn active_requests_are_listed_when_somebody_looks() {
    let site = Site::in_group(
        "active",
        "
        import mod_wsgi
        def application(environ, start_response):
            before = 'active_requests' in vars(mod_wsgi)
            listed = mod_wsgi.active_requests is mod_wsgi.active_requests
            ids = list(mod_wsgi.active_requests)
            start_response('200 OK', [])
            return [repr([before, listed, ids]).encode()]
        ",
    );
    let ask = |id: &str| site.ask().set("mod_wsgi.request_id", id).send().ok();
    assert_eq!(ask("one"), "[False, True, ['one']]");
    assert_eq!(ask("two"), "[True, True, ['two']]");
    assert_eq!(site.get().ok(), "[True, True, []]", "one without an id");
}
