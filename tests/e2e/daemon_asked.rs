//! Processes of a group that are asked by the command `mod-wsgi`: those that answer nonsense, or without an end, or never; and
//! templates, which cannot be asked.

use std::time::Instant;

use harness::poll::until;
use harness::*;

use crate::cli::{answer, command};
use crate::daemon::*;
use crate::starting::noted;

/// Takes the place of the engine at its socket of questions.
const HOSTILE: &str = "
    import socket
    DESK = 13
    KEPT = []
    note('load', 'v0')

    def answers(desk, what):
        while True:
            one, _ = desk.accept()
            if what == 'garbage':
                one.sendall(b'\\x1b[31m{\"stacks\": [')
            elif what == 'lies':
                one.sendall(b'{\"requests\": 5, \"stacks\": [{\"frames\": {}, \"thread\": -1, \"name\": \"\\\\u001b[31m\"}]}')
            elif what == 'endless':
                try:
                    while True:
                        one.sendall(b'[' * (1 << 20))
                except OSError:
                    pass
            else:
                KEPT.append(one)
                continue
            one.close()

    def application(environ, start_response):
        what = environ['PATH_INFO'].strip('/')
        if what:
            desk = socket.socket(fileno=os.dup(DESK))
            desk.setblocking(True)
            null = os.open('/dev/null', os.O_RDWR)
            if what == 'shut':
                desk.shutdown(socket.SHUT_RDWR)
            else:
                os.dup2(null, DESK)
                threading.Thread(target=answers, args=(desk, what), daemon=True).start()
        return answer(environ, start_response, 'v0', os.getpid())
    ";

#[track_caller]
fn asked(s: &Server, words: &[&str]) -> (Option<i32>, String, String) {
    answer(command().args(words).arg("--socket-directory").arg(s.dir().join("run")))
}

#[test]
fn a_hostile_process_keeps_nobody() {
    only_ours!("the original has no such command");
    for (what, said) in [
        ("garbage", "answers nonsense; its code has damaged it"),
        ("endless", "answers without an end; its code has damaged it"),
        ("never", "has not answered within 4 s"),
        ("shut", "cannot be asked: "),
        ("lies", "0 requests in progress"),
    ] {
        let s = serving(defined("processes=1 threads=4", &script(HOSTILE)), 1);
        let pid = pid_of(&s.get(&format!("/app/{what}?x")).text()).expect("a pid").to_string();
        let begun = Instant::now();
        let (_, out, errors) = asked(&s, &["stacks", "g"]);
        assert_within(begun, 7.0, what);
        assert!(out.contains(said) && out.contains(&pid) && !out.contains('\x1b'), "{what}: {out}{errors}");
        // Others are asked as before, and it serves.
        let (status, out, _) = asked(&s, &["status"]);
        assert!(status == Some(0) && out.contains("Group g: serving"), "{what}: {out}");
        assert_eq!(s.get("/app?x").status, 200);
        if what == "lies" {
            let (status, _, errors) = asked(&s, &["profile", "g", "--seconds", "1", "-o", "/nowhere/x.svg"]);
            assert_eq!(status, Some(1), "{errors}");
        }
    }
}

#[test]
fn a_template_has_no_socket_and_its_workers_have() {
    only_ours!("the original has no templates");
    let template = "
        note('load', 'v0')
        TEMPLATE = os.getpid()
        def application(environ, start_response):
            threads = [open(f'/proc/{TEMPLATE}/task/{task}/comm').read().strip() for task in os.listdir(f'/proc/{TEMPLATE}/task')]
            return answer(environ, start_response, 'v0', os.getpid(), TEMPLATE, *threads)
        ";
    let s = serving(defined("spawn=fork processes=2 threads=1", &script(template)), 1);
    noted(&s, "load", 1);
    let text = s.get("/app?x").text();
    let words: Vec<&str> = text.split_whitespace().collect();
    // The last one is the query.
    assert_eq!(words.len(), 5, "a template has one thread: {text}");
    let template: u32 = words[2].parse().expect("a pid");
    until("both workers", || {
        let (status, out, errors) = asked(&s, &["stacks", "g"]);
        assert_eq!(status, Some(0), "{out}{errors}");
        (out.matches("Process ").count() == 2).then_some(())
    });
    let (_, out, _) = asked(&s, &["stacks", "g"]);
    assert!(!out.contains(&template.to_string()), "{out}");
    let (status, _, errors) = asked(&s, &["stacks", &template.to_string()]);
    assert!(status == Some(2) && errors.contains("there is no group and no process"), "{errors}");
}
