//! A fault of the engine's own in the middle of a request.

use super::Site;

/// Serves a request in which the link's method panics, and some after it.
fn survives(site: &Site, method: &'static str) -> String {
    let ask = site.ask().body(&[b"body\n"]);
    let (answer, outcome) = ask.plan(|plan| plan.panics = Some(method)).send_caught();
    let text = match outcome {
        Ok(outcome) => format!("{outcome:?} {}", answer.log()),
        Err(_) => "panicked".into(),
    };
    for _ in 0..2 {
        assert_eq!(site.ask().body(&[b"body\n"]).send().ok(), "abody\nc", "after a panic in {method}()");
    }
    text
}

#[test]
fn inside_a_method_it_is_an_exception() {
    let site = Site::app("write(b'a')\nreturn [environ['wsgi.input'].readline(), b'c']");
    for method in ["read", "head", "flush"] {
        let text = survives(&site, method);
        assert!(text.contains("RuntimeError: mod_wsgi panicked"), "{method}: {text}");
    }
}

#[test]
fn outside_of_one_it_ends_the_request_and_nothing_else() {
    // Where no Python function is in between, the panic leaves `serve`, and the guard catches it.
    let site = Site::app("return iter([b'a', environ['wsgi.input'].read(), b'c'])");
    for method in ["head", "copy", "flush"] {
        assert_eq!(survives(&site, method), "panicked");
    }
}

#[test]
fn an_application_that_catches_it_can_still_answer() {
    let site = Site::app("try:\n    write(b'a')\nexcept RuntimeError:\n    return [b'sorry']");
    let (answer, outcome) = site.ask().plan(|plan| plan.panics = Some("flush")).send_caught();
    assert!(outcome.is_ok());
    assert_eq!(answer.body(), b"asorry");
}

#[test]
fn what_is_left_of_a_request_that_panicked_cannot_reach_the_server() {
    let site = Site::new(
        "
        kept = []
        def application(environ, start_response):
            write = start_response('200 OK', [])
            if not kept:
                kept.extend([environ['wsgi.input'].read, lambda: write(b'x'), lambda: environ['wsgi.errors'].write('x')])
                return [b'block']
            found = []
            for use in kept:
                try:
                    use()
                    found.append('worked')
                except RuntimeError as error:
                    found.append('closed' if 'after request completed' in str(error) else str(error))
            return [' '.join(found).encode()]
        ",
    );
    let (_, outcome) = site.ask().body(&[b"body"]).plan(|plan| plan.panics = Some("copy")).send_caught();
    assert!(outcome.is_err());
    assert_eq!(site.get().ok(), "closed closed closed");
}
