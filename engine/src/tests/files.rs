//! `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").

use super::{Part, Site};

/// An application that answers a wrapper around what `make` says, with these headers.
fn wrapping(headers: &str, make: &str) -> Site {
    Site::new(&format!(
        "
        import io, os, tempfile
        DATA = bytes(range(256)) * 100
        def temporary(data=DATA):
            file = tempfile.TemporaryFile(buffering=-1)
            file.write(data)
            file.seek(0)
            return file
        class Own:
            def __init__(self, file):
                self.file, self.closed_after = file, None
                self.read, self.fileno, self.tell = file.read, file.fileno, file.tell
            def close(self):
                print('closed')
                self.file.close()
        def application(environ, start_response):
            start_response('200 OK', {headers})
            wrap = environ['wsgi.file_wrapper']
            return {make}
        "
    ))
}

fn data() -> Vec<u8> {
    (0..=255).cycle().take(25_600).collect()
}

fn lengths(answer: &super::Answer) -> Vec<String> {
    let head = answer.head.clone().unwrap();
    let lengths = head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    lengths.map(|(_, value)| wire::shown(value).into_owned()).collect()
}

#[test]
fn a_file_is_handed_over_whole_with_its_length() {
    for make in [
        "wrap(temporary())",
        "(lambda file: wrap(io.FileIO(os.dup(file.fileno()))))(temporary())",
        "wrap(temporary(), 1 << 20)",
    ] {
        let answer = wrapping("[]", make).get();
        answer.ok();
        assert_eq!(answer.parts, [Part::File { content: data(), offset: 0, len: 25_600 }], "{make}");
        assert_eq!(lengths(&answer), ["25600"]);
    }
}

#[test]
fn it_goes_from_where_the_file_stands_as_far_as_content_length() {
    let seek = "(lambda file: (file.seek(100), wrap(file))[1])(temporary())";
    let answer = wrapping("[]", seek).get();
    answer.ok();
    assert_eq!(answer.parts, [Part::File { content: data()[100..].to_vec(), offset: 100, len: 25_500 }]);
    let answer = wrapping("[('Content-Length', '50')]", seek).get();
    answer.ok();
    assert_eq!(answer.parts, [Part::File { content: data()[100..150].to_vec(), offset: 100, len: 50 }]);
    assert_eq!(lengths(&answer), ["50"]);
}

#[test]
fn a_content_length_beyond_the_file_is_corrected() {
    let answer = wrapping("[('content-length', '9999999')]", "wrap(temporary())").get();
    answer.ok();
    assert_eq!((lengths(&answer), answer.body().len()), (vec!["25600".to_owned()], 25_600));
    assert!(answer.log().contains("Content-Length 9999999"), "{}", answer.log());
    let log = wrapping("[('Content-Length', 'many')]", "wrap(temporary())").get().error(500);
    assert!(log.contains("ValueError: invalid Content-Length"), "{log}");
}

#[test]
fn an_empty_file_and_one_read_to_its_end_are_empty_answers() {
    for make in ["wrap(temporary(b''))", "(lambda file: (file.seek(0, 2), wrap(file))[1])(temporary())"] {
        let answer = wrapping("[]", make).get();
        assert_eq!(answer.ok(), "");
        assert_eq!(lengths(&answer), ["0"]);
    }
    let beyond = "(lambda file: (file.seek(99999), wrap(file))[1])(temporary())";
    assert_eq!(wrapping("[]", beyond).get().ok(), "");
}

#[test]
fn what_is_no_regular_file_is_iterated_in_blocks() {
    let answer = wrapping("[]", "wrap(io.BytesIO(DATA))").get();
    answer.ok();
    assert_eq!(answer.body(), data());
    assert_eq!(answer.flushes.len(), 4, "in blocks of 8192 bytes");
    assert_eq!(wrapping("[]", "wrap(io.BytesIO(DATA), 12800)").get().flushes.len(), 2);
    let pipe = "(lambda ends: (os.write(ends[1], b'pipe'), os.close(ends[1]), wrap(os.fdopen(ends[0], 'rb')))[2])(os.pipe())";
    assert_eq!(wrapping("[]", pipe).get().ok(), "pipe");
    let log = wrapping("[]", "wrap(io.BytesIO(DATA), -1)").get().error(500);
    assert!(log.contains("ValueError: blksize must not be negative"), "{log}");
    let log = wrapping("[]", "wrap(5)").get().error(500);
    assert!(log.contains("AttributeError"), "{log}");
}

#[test]
fn wrong_answers_of_fileno_and_tell_lead_to_iterating() {
    for (fileno, tell) in
        [("-1", "0"), ("10**6", "0"), ("10**30", "0"), ("'x'", "0"), ("0", "-5"), ("1/0", "0")]
    {
        let class = format!(
            "type('F', (io.BytesIO,), {{'fileno': lambda s: {fileno}, 'tell': lambda s: {tell}}})(b'content')"
        );
        assert_eq!(wrapping("[]", &format!("wrap({class})")).get().ok(), "content", "{fileno} {tell}");
    }
}

#[test]
fn a_file_of_the_applications_own_is_closed_when_it_has_been_sent() {
    let answer = wrapping("[]", "wrap(Own(temporary()))").get();
    answer.ok();
    assert!(matches!(answer.parts[..], [Part::File { len: 25_600, .. }]));
    assert_eq!(answer.flushes, [1], "sent before close() was called");
    assert!(answer.log().contains("] closed"), "{}", answer.log());
    let answer = wrapping("[]", "wrap(open(__file__, 'rb'))").get();
    answer.ok();
    assert_eq!(answer.flushes, [0; 0], "a plain file may be closed first");
}

#[test]
fn after_write_the_file_is_iterated() {
    let site = Site::app(
        "
        import tempfile
        file = tempfile.TemporaryFile()
        file.write(b'second')
        file.seek(0)
        write(b'first ')
        return environ['wsgi.file_wrapper'](file)
        ",
    );
    let answer = site.get();
    assert_eq!(answer.ok(), "first second");
    assert!(answer.parts.iter().all(|part| matches!(part, Part::Copied(_))));
}

#[test]
fn a_subclass_or_an_iterator_of_a_wrapper_works() {
    let subclass = wrapping("[]", "type('W', (wrap,), {})(temporary())").get();
    subclass.ok();
    assert!(matches!(subclass.parts[..], [Part::File { .. }]));
    let generator = wrapping("[]", "(block for block in wrap(temporary()))").get();
    generator.ok();
    assert_eq!(generator.body(), data());
}
