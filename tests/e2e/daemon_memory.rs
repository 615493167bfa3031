//! `rss-limit`: a process that has outgrown it is replaced, and the request that made it grow is named.

use harness::*;

use crate::daemon::*;

/// Keeps what `/grow` takes.
const GROWING: &str = "
    note('load', 'v0')
    KEPT = []
    def application(environ, start_response):
        if environ['PATH_INFO'] == '/grow':
            KEPT.append(b'x' * (200 << 20))
        return answer(environ, start_response, 'v0', os.getpid())
    ";

#[test]
fn a_process_that_has_grown_is_replaced() {
    only_ours!("the original knows no rss-limit=");
    let s = serving(defined("processes=1 threads=4 rss-limit=150M", &script(GROWING)), 1);
    let load = load(&s);
    let old = pid_of(&s.get("/app/grow?secret").text()).expect("a pid");
    newest(&s, 2);
    gone(&[old]);
    load.goes_on(2);
    load.stop().assert_none_lost();
    let line = told(&s, old, "rss_limit");
    let grown = "rss-limit allows 150 MiB; it has grown most while 'GET /app/grow' ran, by 2[0-9][0-9] MiB";
    assert!(regex(grown).is_match(&line), "{line}");
    assert_eq!(settled(&s, 1).len(), 1);
}

/// Its successor would need as much: it stays.
#[test]
fn a_limit_that_is_too_low() {
    only_ours!("the original knows no rss-limit=");
    let big = script(&format!("BIG = b'x' * (100 << 20)\n{}", text::dedent(GROWING)));
    let low = r"WSGI1102: a process of group 'g' has 1[0-9][0-9] MiB .*rss-limit allows 64 MiB";
    let s = serving(defined("processes=1 threads=4 rss-limit=64M", &big).expect_log(low), 1);
    let first = loaded(&s);
    s.wait_log("WSGI1102");
    let replaced = poll::within(std::time::Duration::from_secs(4), || {
        (s.get("/app?x").status != 200 || loaded(&s) != first).then_some(())
    });
    assert!(replaced.is_none());
}

#[test]
fn sizes_that_cannot_be() {
    only_ours!("the original knows no rss-limit=");
    for value in ["15M", "1", "512MB", "G", "-1M", "99999999999G"] {
        let complaint = "must be 0, or a size such as 512M, 2G or a whole number of bytes";
        defined(&format!("rss-limit={value}"), &script(GROWING)).expect_config_error(complaint);
    }
}
