//! Every callable of the engine that Python code can reach, called with whatever there is: an exception or an answer,
//! never a crash (which valgrind and a plain run both show) and never a SystemError, which is CPython's word for a C
//! function that broke its rules.

use super::{Numbers, Site, rounds};

/// Finds the callables through the objects of a request, and calls one with arguments and keywords named by number.
const SOURCE: &str = "
    import sys

    def reachable(environ, start_response):
        write = start_response('200 OK', [])
        stream, body = environ['wsgi.errors'], environ['wsgi.input']
        owners = [start_response.__self__, body, stream, sys.stdout, sys.stderr, getattr(stream, 'buffer', stream)]
        owners += [getattr(owner, 'raw', owner) for owner in owners]
        kinds = {type(owner): owner for owner in owners if type(owner).__module__.startswith('mod_wsgi')}
        for kind, owner in sorted(kinds.items(), key=lambda pair: pair[0].__name__):
            yield kind
            for name, member in sorted(vars(kind).items()):
                if callable(member):
                    yield member
                    yield getattr(owner, name)
        yield start_response
        yield write

    def values(environ, start_response):
        return [None, 0, -1, 1 << 70, 1.5, '', '200 OK', '\\udc80', b'', b'abc', [], [('a', 'b')], [('a',)], [1], (),
                (1, 2, 3), (ValueError, ValueError(), None), {}, object(), environ, start_response,
                start_response.__self__, environ['wsgi.input'], environ['wsgi.errors'], type(start_response.__self__)]

    NAMES = ['status', 'headers', 'exc_info', 'size', 'self', '', '\\udc80', 'x' * 1000]

    def application(environ, start_response):
        numbers = [int(word) for word in environ['QUERY_STRING'].split(',')]
        def pick(among):
            return among[numbers.pop() % len(among)]
        callables = list(reachable(environ, start_response))
        assert len(callables) > 10, callables
        candidates = values(environ, start_response)
        while len(numbers) > 40:
            target = pick(callables)
            positional = [pick(candidates) for _ in range(pick(range(6)))]
            keywords = {pick(NAMES): pick(candidates) for _ in range(pick(range(4)))}
            try:
                target(*positional, **keywords)
            except SystemError:
                raise
            except Exception:
                pass
        return [b'whole']
";

#[test]
fn whatever_arguments_a_callable_gets_nothing_breaks() {
    let site = Site::new(SOURCE);
    let mut numbers = Numbers::new(11);
    for _ in 0..rounds(300) {
        let words: Vec<String> = (0..1000).map(|_| numbers.below(10_000).to_string()).collect();
        let answer = site.ask().body(&[b"line\n", b"rest"]).set("QUERY_STRING", words.join(",")).send();
        assert!(!answer.log().contains("SystemError"), "{}", answer.log());
    }
}

#[test]
fn start_response_binds_its_arguments_as_a_python_function_does() {
    let served = |call: &str| {
        Site::new(&format!("def application(environ, start_response):\n    {call}\n    return [b'whole']\n"))
            .get()
    };
    for call in [
        "start_response(status='200 OK', headers=[])",
        "start_response(headers=[], status='200 OK')",
        "start_response('200 OK', headers=[])",
        "start_response('200 OK', exc_info=None, headers=[])",
        "start_response(exc_info=None, headers=[], status='200 OK')",
        "start_response(*('200 OK', []), **{})",
        "start_response(**{'status': '200 OK', 'headers': [], 'exc_info': None})",
        "start_response.__call__(status='200 OK', headers=[])",
        "type(start_response.__self__).start_response(start_response.__self__, status='200 OK', headers=[])",
        "__import__('functools').partial(start_response, headers=[])(status='200 OK')",
    ] {
        assert_eq!(served(call).ok(), "whole", "{call}");
    }
    for (call, complaint) in [
        ("start_response()", "missing required argument 'status'"),
        ("start_response('200 OK')", "missing required argument 'headers'"),
        ("start_response(headers=[])", "missing required argument 'status'"),
        ("start_response('200 OK', [], status='200 OK')", "multiple values for argument 'status'"),
        ("start_response('200 OK', [], None, None)", "expected at most 3 arguments, got 4"),
        ("start_response('200 OK', [], None, exc_info=None)", "expected at most 3 arguments, got 4"),
        ("start_response(status='200 OK', headers=[], reason='')", "unexpected keyword argument 'reason'"),
        ("start_response('200 OK', [])(data=b'')", "keyword arguments are not accepted here"),
    ] {
        let log = served(call).error(500);
        assert!(log.contains(&format!("TypeError: {complaint}")), "{call}: {log}");
    }
}
