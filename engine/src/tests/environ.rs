//! The environ of a request (PEP 3333, "environ Variables").

use super::{Numbers, Site, rounds};

#[test]
fn it_is_a_dict_of_native_strings_and_what_pep_3333_asks_for() {
    let site = Site::app(
        "
        assert type(environ) is dict
        text = {k: v for k, v in environ.items() if not k.startswith(('wsgi.', 'mod_wsgi.', 'apache.'))}
        assert all(type(k) is type(v) is str for k, v in text.items()), text
        assert environ['wsgi.version'] == (1, 0)
        assert environ['wsgi.multithread'] is True and environ['wsgi.multiprocess'] is False
        assert environ['wsgi.run_once'] is False and environ['wsgi.input_terminated'] is True
        assert callable(environ['wsgi.file_wrapper'])
        assert environ['wsgi.url_scheme'] == 'http' and type(environ['wsgi.url_scheme']) is str
        assert environ['mod_wsgi.request_start'] == 1700000000.5
        assert environ['mod_wsgi.application_start'] > 1700000000.5
        assert environ['mod_wsgi.thread_id'] > 0
        assert environ['apache.version'] == (2, 4, 99)
        for name in ('read', 'readline', 'readlines', '__iter__'):
            assert callable(getattr(environ['wsgi.input'], name)), name
        for name in ('write', 'writelines', 'flush'):
            assert callable(getattr(environ['wsgi.errors'], name)), name
        return [environ['PATH_INFO'].encode()]
        ",
    );
    assert_eq!(site.ask().set("PATH_INFO", "/there").send().ok(), "/there");
}

#[test]
fn bytes_become_code_points_and_paths_are_decoded_as_the_file_system() {
    let site = Site::app(
        "
        import os
        assert environ['PATH_INFO'] == '/\\xc3\\xa9\\xff', ascii(environ['PATH_INFO'])
        assert environ['SCRIPT_FILENAME'] == os.fsdecode(b'/\\xc3\\xa9\\xff'), ascii(environ['SCRIPT_FILENAME'])
        assert os.fsencode(environ['DOCUMENT_ROOT']) == b'/\\xc3\\xa9\\xff'
        assert environ['H\\xe9'] == ''
        return []
        ",
    );
    let path = b"/\xc3\xa9\xff";
    let ask = site.ask().set("PATH_INFO", path).set("SCRIPT_FILENAME", path).set("DOCUMENT_ROOT", path);
    ask.set(b"H\xe9", "").send().ok();
}

#[test]
fn the_later_of_two_entries_with_one_name_counts() {
    let site = Site::app("return [environ['HTTP_X'].encode()]");
    assert_eq!(site.ask().set("HTTP_X", "first").set("HTTP_X", "second").send().ok(), "second");
    assert_eq!(site.ask().set("HTTP_X", "second").set("HTTP_X", "first").send().ok(), "first");
}

#[test]
fn nothing_of_a_request_is_in_the_next_ones() {
    let site = Site::app(
        "
        found = [environ.get('HTTP_COOKIE'), environ['wsgi.url_scheme'], environ['wsgi.version'], len(environ)]
        environ['HTTP_COOKIE'] = 'changed'
        environ['wsgi.version'] = 'changed'
        environ['wsgi.url_scheme'] = 'changed'
        environ['more'] = 1
        return [repr(found).encode()]
        ",
    );
    let plain = site.get().ok();
    assert!(plain.starts_with("[None, 'http', (1, 0), "), "{plain}");
    let with = |value: &str| site.ask().set("HTTP_COOKIE", value).send().ok();
    assert!(with("a=1").starts_with("['a=1', 'http', (1, 0), "));
    assert!(with("a=1").starts_with("['a=1', "), "the cached value itself was not changed");
    assert!(with("a=2").starts_with("['a=2', "));
    assert!(site.ask().https().send().ok().starts_with("[None, 'https', "));
    assert_eq!(site.get().ok(), plain);
}

#[test]
fn whatever_is_cached_the_environ_is_what_was_sent() {
    let site = Site::app(
        "
        names = sorted(k for k in environ if k.startswith('R_'))
        return [b''.join(f'{k}={environ[k]!r}\\n'.encode('ascii', 'backslashreplace') for k in names)]
        ",
    );
    let mut numbers = Numbers::new(7);
    // More names than are kept, values short and long, few enough different ones that some are hit again.
    let values: Vec<Vec<u8>> = (0..40)
        .map(|_| {
            let len = numbers.below(300);
            (0..len).map(|_| b'a' + numbers.below(26) as u8).collect()
        })
        .collect();
    for _ in 0..rounds(100) {
        let mut sent = std::collections::BTreeMap::new();
        let mut ask = site.ask();
        for _ in 0..numbers.below(30) {
            let name = format!("R_{}", numbers.below(900));
            let value = &values[numbers.below(values.len())];
            ask = ask.set(&name, value);
            sent.insert(name, wire::shown(value).into_owned());
        }
        let expected: String = sent.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        assert_eq!(ask.send().ok(), expected);
    }
}

#[test]
fn a_value_that_always_differs_and_then_stays_is_right_all_the_time() {
    let site = Site::app("return [environ['HTTP_DIFFERENT'].encode()]");
    for number in 0..50 {
        let value = format!("value {number}");
        assert_eq!(site.ask().set("HTTP_DIFFERENT", &value).send().ok(), value);
    }
    for _ in 0..3 {
        assert_eq!(site.ask().set("HTTP_DIFFERENT", "still").send().ok(), "still");
    }
}

#[test]
fn names_that_a_client_makes_up_are_not_kept_without_bound() {
    let site = Site::app(
        "
        import sys
        made_up = [name for name in environ if name.startswith('HTTP_X_MADE_UP_')]
        # Of a name that is interned already, intern() answers that object and not the new one.
        kept = [name for name in made_up if sys.intern(''.join(list(name))) is name]
        return [f'{len(made_up)} {len(kept)}'.encode()]
        ",
    );
    let asked = |names: &mut dyn Iterator<Item = String>| {
        let ask = names.fold(site.ask(), |ask, name| ask.set(format!("HTTP_X_MADE_UP_{name}"), "1"));
        let found = ask.send().ok();
        let (sent, kept) = found.split_once(' ').expect("two numbers");
        (sent.parse::<usize>().unwrap(), kept.parse::<usize>().unwrap())
    };
    let long = "LONG_".repeat(30);
    assert_eq!(asked(&mut (0..10).map(|number| format!("{long}{number}"))), (10, 0), "long names");
    let kept: usize = (0..20).map(|round| asked(&mut (0..100).map(|at| format!("{round}_{at}"))).1).sum();
    assert!((100..=512).contains(&kept), "{kept} of 2000 names were kept");
    assert_eq!(asked(&mut (0..100).map(|at| format!("AGAIN_{at}"))), (100, 0), "when there is no more room");
}
