//! The payload of a REQUEST frame.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use mod_wsgi_fuzz::payload;
use wire::Stamp;
use wire::request::{self, Head};

type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

fn written(head: &Head<'_>, environ: &Pairs) -> Vec<u8> {
    payload(|out| head.put(out, environ.iter().copied()))
}

fn comes_back(head: &Head<'_>, environ: &Pairs) {
    let payload = written(head, environ);
    let (again, pairs) = request::parse(&payload).expect("what was written is read");
    assert_eq!(again, *head);
    assert_eq!(pairs.collect::<Pairs>(), *environ);
}

fuzz_target!(|data: &[u8]| {
    // Whatever comes.
    if let Ok((head, pairs)) = request::parse(data) {
        let environ: Pairs = pairs.collect();
        comes_back(&head, &environ);
        assert_eq!(written(&head, &environ), data);
    }
    // Whatever is written.
    let given = Unstructured::new(data).arbitrary::<([bool; 9], u8, [i64; 3], [u64; 3], [&[u8]; 3], Pairs)>();
    let Ok((flags, level, times, numbers, texts, environ)) = given else { return };
    let [https, head_only, reload, own_pages, own_error_page, error_details, ignore_activity, body_follows, named_by_client] = flags;
    let ([received, queued, modified], [script, group, callable]) = (times, texts);
    let [plan, device, inode] = numbers;
    let head = Head {
        https,
        head_only,
        reload,
        own_pages,
        own_error_page,
        error_details,
        ignore_activity,
        body_follows,
        named_by_client,
        level,
        received,
        queued,
        stamp: Stamp { modified, device, inode },
        plan,
        script,
        group,
        callable,
    };
    comes_back(&head, &environ);
});
