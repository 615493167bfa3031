//! Bodies of answers (PEP 3333, "Buffering and Streaming", "Handling the Content-Length Header").

use super::{Part, Site};
use wire::abi::{End, Outcome};

const SHORT: Outcome = Outcome::of(End::Short, 0);

#[test]
fn a_list_or_tuple_goes_out_whole_after_its_head() {
    for code in ["return [b'one', b'', b'two']", "return (b'one', b'two')"] {
        let answer = Site::app(code).get();
        assert_eq!(answer.ok(), "onetwo");
        assert_eq!(answer.parts, [Part::Copied(b"one".to_vec()), Part::Copied(b"two".to_vec())]);
    }
    let answer = Site::app("return []").get();
    assert_eq!(answer.ok(), "");
    assert_eq!(answer.head.unwrap().status, 200, "the head goes out without a body too");
}

#[test]
fn blocks_of_an_iterator_go_out_one_by_one() {
    let answer = Site::app("return (block for block in [b'', b'one', b'', b'two'])").get();
    assert_eq!(answer.ok(), "onetwo");
    assert_eq!(answer.flushes, [1, 2], "a flush after each block that is not empty");
}

#[test]
fn subclasses_of_bytes_are_bytes_and_nothing_else_is() {
    let answer = Site::app("return iter([type('B', (bytes,), {})(b'mine')])").get();
    assert_eq!(answer.ok(), "mine");
    for (what, name) in
        [("'text'", "str"), ("bytearray(b'x')", "bytearray"), ("None", "NoneType"), ("1", "int")]
    {
        let log = Site::app(&format!("return [{what}]")).get().error(500);
        assert!(log.contains(&format!("TypeError: response iterable must yield bytes, not {name}")), "{log}");
    }
    let log = Site::app("return b'bytes'").get().error(500);
    assert!(log.contains("must yield bytes, not int"), "{log}");
    let log = Site::app("return None").get().error(500);
    assert!(log.contains("TypeError: 'NoneType' object is not iterable"), "{log}");
    let log = Site::app("yield b'a'\nyield 'b'").get().truncated();
    assert!(log.contains("must yield bytes, not str"), "{log}");
}

#[test]
fn write_goes_out_at_once_and_before_the_iterable() {
    let answer = Site::app("write(b'one')\nwrite(b'')\nwrite(b'two')\nreturn [b'three']").get();
    assert_eq!(answer.ok(), "onetwothree");
    assert_eq!(answer.flushes, [1, 2]);
    let answer = Site::app("write(b'')\nreturn []").get();
    assert_eq!(answer.ok(), "");
    for (what, name) in [("'text'", "str"), ("bytearray()", "bytearray")] {
        let log = Site::app(&format!("write({what})")).get().error(500);
        assert!(log.contains(&format!("TypeError: write() argument must be bytes, not {name}")), "{log}");
    }
    let log = Site::app("write()").get().error(500);
    assert!(log.contains("TypeError: expected exactly 1 arguments, got 0"), "{log}");
}

#[test]
fn no_more_than_content_length_goes_out_and_less_is_noticed() {
    let with = |length: &str, code: &str| {
        let headers = format!("[('content-length', '{length}')]");
        Site::new(&format!(
            "def application(environ, start_response):\n    write = start_response('200 OK', {headers})\n    {code}\n"
        ))
    };
    assert_eq!(with("5", "return [b'12', b'3456', b'78']").get().ok(), "12345");
    assert_eq!(with("5", "return iter([b'12', b'3456', b'78'])").get().ok(), "12345");
    assert_eq!(with("3", "write(b'12'); write(b'345'); return [b'x']").get().ok(), "123");
    assert_eq!(with("0", "return [b'x']").get().ok(), "");
    let short = with("5", "return [b'1234']").get();
    assert_eq!((short.outcome, short.body()), (SHORT, b"1234".to_vec()));
    assert_eq!(with("1", "return []").get().outcome, SHORT);
    assert_eq!(with("5", "return []").ask().head_only().send().ok(), "", "nobody counts what is not sent");
    for length in [" ", "-1", "++1", "1 ", "0x1", "1.0", "99999999999999999999999", "1, 1"] {
        let log = with(length, "return [b'x']").get().error(500);
        assert!(log.contains("ValueError: invalid Content-Length header value"), "{length}: {log}");
    }
}

#[test]
fn close_is_called_once_however_the_answer_ends() {
    let site = Site::new(
        "
        closed = []
        class Answer:
            def __init__(self, how):
                self.how, self.left = how, 2
            def __iter__(self):
                return self
            def __next__(self):
                if self.how == 'raise' and self.left == 1:
                    raise LookupError('while iterating')
                if self.left == 0:
                    raise StopIteration
                self.left -= 1
                return b'x'
            def close(self):
                closed.append(self.how)
                if self.how == 'close':
                    raise KeyError('in close')
        def application(environ, start_response):
            start_response('200 OK', [])
            if environ['PATH_INFO'] == '?':
                found = ','.join(closed)
                closed.clear()
                return [found.encode()]
            return Answer(environ['PATH_INFO'])
        ",
    );
    let ask = |how: &str| site.ask().set("PATH_INFO", how);
    let closed = || ask("?").send().ok();
    assert_eq!((ask("well").send().ok(), closed()), ("xx".into(), "well".into()));
    let log = ask("raise").send().truncated();
    assert!(log.contains("LookupError: while iterating"), "{log}");
    assert_eq!(closed(), "raise");
    let answer = ask("close").send();
    assert_eq!((answer.ok(), closed()), ("xx".into(), "close".into()));
    assert!(answer.log().contains("KeyError: 'in close'"), "{}", answer.log());
    let answer = ask("gone").plan(|plan| plan.gone_at = Some(1)).send();
    assert_eq!((answer.ok(), closed()), ("x".into(), "gone".into()));
}

#[test]
fn a_client_that_went_away_is_an_exception_of_write_and_no_other() {
    let site = Site::app(
        "
        import mod_wsgi
        write(b'one')
        try:
            write(b'two')
        except mod_wsgi.ClientDisconnected as exception:
            assert isinstance(exception, OSError)
            environ['wsgi.errors'].write(f'noticed {exception}')
            if environ['PATH_INFO'] == '/raise':
                raise
        return [b'three']
        ",
    );
    let gone = |path: &str| site.ask().set("PATH_INFO", path).plan(|plan| plan.gone_at = Some(2)).send();
    let answer = gone("/");
    answer.ok();
    assert!(answer.log().contains("noticed mod_wsgi client connection closed"), "{}", answer.log());
    let log = gone("/raise").truncated();
    assert!(log.contains("WSGI1012") && !log.contains("Traceback"), "{log}");
}
