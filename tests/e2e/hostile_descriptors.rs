//! Descriptors that an application sends over the sockets of its process, and whose close lasts as long as it likes.

use std::time::{Duration, Instant};

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::noted;

/// An application that attacks by what the query says.
const HOSTILE: &str = r#"
    import socket, stat, struct
    note('load', 'v0')
    KEPT = []

    def lingering():
        'A connection whose last close lasts 40 s: its other end reads nothing of what is left in it.'
        server = socket.create_server(('127.0.0.1', 0))
        ours = socket.create_connection(server.getsockname())
        KEPT.extend([server.accept()[0], server])
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 40))
        ours.setblocking(False)
        try:
            while True:
                ours.send(bytes(1 << 16))
        except BlockingIOError:
            return ours

    def sockets():
        for name in sorted(map(int, os.listdir('/proc/self/fd'))):
            try:
                if not stat.S_ISSOCK(os.fstat(name).st_mode):
                    continue
                one = socket.socket(fileno=os.dup(name))
            except OSError:
                continue
            if one.family == socket.AF_UNIX:
                yield name, one

    def frame(kind, flag=0, payload=b''):
        return struct.pack('<IBBH', len(payload), kind, flag, 0) + payload

    FRAMES = {
        'flush': frame(7), 'data': frame(6, 0, b'x'), 'log': frame(10, 6, b'hello'), 'end': frame(11),
        'file': frame(9, 0, struct.pack('<qq', 0, 1)), 'nothing': b'', 'head': frame(5),
    }

    def attack(what, count, done):
        for number, one in sockets():
            is_link = number > 11
            if is_link == (what == 'supervisor'):
                continue
            file = lingering().detach()
            message = b'\x04\x06hello' if what == 'supervisor' else FRAMES[what]
            try:
                if what == 'supervisor':
                    # It has something to read, so that this process is the first to close the descriptor.
                    for _ in range(100):
                        one.send(b'\0' * 60000, socket.MSG_DONTWAIT)
            except OSError:
                pass
            try:
                socket.send_fds(one, [message or b'\0'], [file] * count)
                done.append(number)
            except OSError:
                # Closed here it would hold up this process.
                continue
            os.close(file)

    def application(environ, start_response):
        query = environ['QUERY_STRING']
        if '-' in query:
            what, count = query.split('-')
            done = []
            # Where the other side is the first to close it, it is this thread that waits.
            thread = threading.Thread(target=attack, args=(what, int(count), done), daemon=True)
            thread.start()
            thread.join(0.2)
            return answer(environ, start_response, 'sent', len(done))
        return answer(environ, start_response, 'v0', os.getpid())
"#;

/// What the child says of such a connection, by whatever the frame was.
const BROKEN: &str = "WSGI1038: ";

fn two_groups() -> Httpd {
    group("", &script(HOSTILE)).config(
        "WSGIDaemonProcess h processes=1 threads=2
         WSGIScriptAlias /other {dir}/app.wsgi process-group=h application-group=%{GLOBAL}",
    )
}

/// The supervisor sees to the other groups meanwhile.
#[test]
fn sent_to_the_supervisor() {
    only_ours!("the original has no supervisor");
    let s = two_groups().expect_log("WSGI1029: process [0-9]+ of group 'h' died unexpectedly").start();
    noted(&s, "load", 3);
    // Whoever is the last to close it waits, which is a matter of chance.
    for count in (0..20).flat_map(|_| [1, 100]) {
        let r = s.get(&format!("/app?supervisor-{count}"));
        assert_eq!(r.status, 200, "{}", r.text());
    }
    let other = pid_of(&s.get("/other?x").text()).expect("a pid");
    let begun = Instant::now();
    s.send(other, 9);
    until("another process of the other group", || {
        let r = s.get("/other?x");
        (r.status == 200 && pid_of(&r.text()) != Some(other)).then_some(())
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(s.get("/app?x").status, 200);
}

/// Apache's children answer others meanwhile, all their threads.
#[test]
fn sent_over_the_link() {
    only_ours!("the original sends no descriptors");
    let s = two_groups().allow_log(BROKEN).start();
    noted(&s, "load", 3);
    for what in ["flush", "data", "log", "end", "file", "nothing", "head"] {
        for count in [1, 2, 9, 100] {
            let begun = Instant::now();
            let _ = s.get(&format!("/app?{what}-{count}"));
            assert_eq!(s.get("/static.txt").text(), "static");
            assert_eq!(s.get("/other?x").status, 200);
            assert!(begun.elapsed() < Duration::from_secs(8), "{what} {count}: {:?}", begun.elapsed());
        }
    }
    // Connections that no request is on have some, too.
    let begun = Instant::now();
    let responses: Vec<_> = (0..20).map(|_| s.get("/app?x").status).collect();
    assert!(responses.ends_with(&[200; 5]), "{responses:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}
