//! Scripts that the server asks, and their starts: one that takes long, one that fails, one without the function. None of them
//! lets anybody in, and the log says it once.

use harness::poll::until;
use harness::*;

use crate::auth_scripts::basic;

/// A kind of script that the server asks.
struct Hook {
    name: &'static str,
    /// Where it is used.
    config: &'static str,
    /// The function that it lacks is named by this; there is none for what need not be there.
    missing: &'static str,
    /// The answer to a visitor while it cannot be asked, and what the original answers if its start has failed.
    closed: u16,
    original: u16,
}

const BASIC: &str = "AuthType Basic\nAuthName realm\nAuthBasicProvider wsgi";

const HOOKS: &[Hook] = &[
    Hook {
        name: "WSGIAccessScript",
        config: "<Location />\nWSGIAccessScript {dir}/guard.py\n</Location>",
        missing: "WSGI0056: ",
        closed: 403,
        original: 403,
    },
    Hook {
        name: "WSGIAuthUserScript",
        config: "<Location />\n{BASIC}\nWSGIAuthUserScript {dir}/guard.py\nRequire valid-user\n</Location>",
        missing: "WSGI0043: ",
        closed: 500,
        original: 500,
    },
    Hook {
        name: "WSGIAuthGroupScript",
        config: "<Location />\n{BASIC}\nWSGIAuthUserScript {dir}/users.py\nWSGIAuthGroupScript {dir}/guard.py\n\
                 Require wsgi-group staff\n</Location>",
        missing: "WSGI0052: ",
        closed: 500,
        original: 401,
    },
    Hook {
        name: "WSGIDispatchScript",
        config: "WSGIDispatchScript {dir}/guard.py",
        missing: "",
        closed: 500,
        // It serves the request as if there were no such script.
        original: 200,
    },
    Hook {
        name: "WSGIHandlerScript",
        config: "WSGIHandlerScript guard {dir}/guard.py\n<Location />\nSetHandler guard\n</Location>",
        missing: "WSGI0089: ",
        closed: 503,
        original: 500,
    },
];

/// All that a script of any of these kinds may be asked, and lets everybody in.
const FUNCTIONS: &str = "
def allow_access(environ, host): return True
def check_password(environ, user, password): return True
def groups_for_user(environ, user): return ['staff']
def application_group(environ): return None
def handle_request(environ, start_response):
    start_response('200 OK', [('Content-Length', '2')])
    return [b'in']
";

fn site(hook: &Hook, script: &str) -> Httpd {
    httpd()
        .script("guard.py", script)
        .script("users.py", FUNCTIONS)
        .config("WSGIScriptAlias / {apps}/show.wsgi")
        .config(&hook.config.replace("{BASIC}", BASIC))
}

fn ask(s: &Server) -> u16 {
    s.request("GET", "/x").header("Authorization", &basic("ann", "x")).send().status
}

/// Whoever comes meanwhile waits, and is let in by what the script says.
#[test]
fn a_start_that_takes_long() {
    let slow = format!(
        "import os, time\nwhile not os.path.exists(os.path.dirname(__file__) + '/go'):\n    time.sleep(0.01)\n{FUNCTIONS}"
    );
    for hook in HOOKS {
        let s = site(hook, &slow).start();
        let request = s.request("GET", "/x").header("Authorization", &basic("ann", "x")).bytes();
        let mut early: Vec<_> = (0..3).map(|_| s.raw(&request)).collect();
        s.write_file("go", "");
        for answer in &mut early {
            assert_eq!(answer.response().status, 200, "{}", hook.name);
        }
        assert_eq!(ask(&s), 200, "{}", hook.name);
    }
}

/// Closed at once and later, the first failure in the log and not each one; open when the script is mended.
#[test]
fn a_start_that_fails() {
    for hook in HOOKS {
        let s = site(hook, "raise ValueError('broken')")
            .expect_traceback("ValueError: broken")
            .allow_log("WSGI0057|WSGI0174|WSGI010[569]|WSGI0110|WSGI1003|AH0|again, as before|next attempt|could not be")
            .start();
        let closed = differs(hook.original, hook.closed, "nobody is let in, and what failed says so");
        for _ in 0..3 {
            assert_eq!(ask(&s), closed, "{}", hook.name);
        }
        if subject() == Subject::Ours {
            let told = || s.logged("ValueError: broken").len();
            assert!((1..=2).contains(&told()), "{} {}", hook.name, told());
        }
        s.replace_file("guard.py", FUNCTIONS);
        until("the mended script", || (ask(&s) == 200).then_some(()));
    }
}

/// There is nobody to ask.
#[test]
fn a_function_that_is_not_there() {
    for hook in HOOKS.iter().filter(|hook| !hook.missing.is_empty()) {
        let s = site(hook, "x = 1").expect_log(hook.missing).allow_log("WSGI0057|AH0").start();
        let closed = match (hook.name, subject(), mode()) {
            ("WSGIHandlerScript", Subject::ModWsgi, Mode::Embedded) => 404,
            ("WSGIHandlerScript", ..) => 500,
            _ => differs(hook.original, hook.closed, "nobody is let in, and what failed says so"),
        };
        assert_eq!([ask(&s), ask(&s)], [closed, closed], "{}", hook.name);
        until(hook.missing, || (s.logged(hook.missing).len() >= 2).then_some(()));
        assert_eq!(s.logged(hook.missing).len(), 2, "one line for each request: {}", hook.name);
    }
}

/// One that never ends has its stack in the log, and nobody comes in.
#[test]
fn a_start_that_hangs() {
    only_ours!("whatever needs a script that hangs waits for ever");
    for hook in HOOKS {
        let s = site(hook, &format!("import time\ntime.sleep(1000)\n{FUNCTIONS}"))
            .config("WSGIStartupTimeout 1")
            .expect_log("WSGI1017: .*guard.py")
            .allow_traceback()
            .allow_log("WSGI0057|WSGI010[5-9]|WSGI0110|WSGI101[4-7]|again, as before|AH0")
            .allow_log(r"wsgi:(error|warn|notice)\] \[pid [^]]*\] (\[[^]]*\] )?(?:[^W\[]|W[^S])")
            .start();
        let closed = ask(&s);
        assert_eq!(closed, hook.closed, "{}", hook.name);
        s.logged_times("WSGI1017: .*guard.py", 1);
    }
}
