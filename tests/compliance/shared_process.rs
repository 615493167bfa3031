//! What applications share with the process they run in: its title, its signals, its time zone.

use harness::*;

use crate::{answering, serving};

const TITLE: &str = "
    import setproctitle
    def line():
        return open('/proc/self/cmdline', 'rb').read().replace(bytes(1), b' ').decode().strip()
    before = setproctitle.getproctitle().strip(), line()
    setproctitle.setproctitle('shop: serving')
    result = (before[0] == before[1], before[1].startswith(environ['QUERY_STRING']), line(), setproctitle.getproctitle())";

/// `setproctitle` shows its title where `ps` looks for the command line.
#[test]
fn an_application_sets_the_title_of_its_process() {
    let s = serving(&answering(TITLE)).start();
    assert_eq!(s.get("/").text(), "(True, True, 'shop: serving', 'shop: serving')");
}

/// A sub-interpreter's application, and the main interpreter's.
#[test]
fn the_main_interpreter_sets_the_title_too() {
    let s = serving(&answering(TITLE)).config("WSGIApplicationGroup %{GLOBAL}").start();
    assert_eq!(s.get("/").text(), "(True, True, 'shop: serving', 'shop: serving')");
}

/// The title of the group is there first; the application's wins.
#[test]
fn a_title_follows_the_groups_own() {
    daemon_only!();
    let s = serving(&answering(TITLE)).group("display-name=%{GROUP}").start();
    let name = format!("(wsgi:{GROUP})");
    assert_eq!(s.get(&format!("/?{name}")).text(), "(True, True, 'shop: serving', 'shop: serving')");
}
