//! Apache runs the python of an environment to learn what it is, and root starts Apache: what the owner of the environment
//! can do to root then, to the machine, or for longer than the answer takes. Nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Instant;

use harness::*;

/// Where programs of another user write what they saw; removed with the value.
struct Notes(PathBuf);

impl Notes {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("notes-{}-{name}", std::process::id()));
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
        Self(place)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server whose WSGIPythonHome belongs to somebody else, with this program as its python.
fn environment(program: &str) -> Httpd {
    let httpd = httpd().no_python_home().config("WSGIPythonHome {dir}/home");
    let httpd = httpd.file("home/bin/python3", program);
    let home = httpd.dir().join("home");
    fs::set_permissions(home.join("bin/python3"), fs::Permissions::from_mode(0o755)).unwrap();
    for path in [&home, &home.join("bin"), &home.join("bin/python3")] {
        give_to_www_data(path);
    }
    httpd
}

/// One that does something in Python, and then answers as the cell's python does.
fn doing(notes: &Notes, code: &str) -> Httpd {
    let python = venv().join("bin/python");
    let head = format!(
        "#!{python} -I
import os, sys, time
notes = {notes:?}
def note(name, text):
    with open(notes + '/' + name, 'w') as file: file.write(str(text))
def answer(): os.execv({python:?}, [{python:?}] + sys.argv[1:])
",
        python = python.to_str().unwrap(),
        notes = notes.0.to_str().unwrap()
    );
    environment(&(head + &text::dedent(code)))
}

#[track_caller]
fn accepted(httpd: Httpd) -> ConfigTest {
    let test = httpd.configtest();
    assert!(test.accepted, "refused:\n{}\n{}", test.output, test.config);
    test
}

/// Fails unless the configuration is refused within seconds, with one sentence of a readable length that holds all parts.
#[track_caller]
fn refused(httpd: Httpd, parts: &[&str]) {
    let begun = Instant::now();
    let test = httpd.configtest();
    assert_within(begun, 5.0, "the check");
    let line = test.output.lines().find(|line| line.contains("WSGI1001: ")).unwrap_or_default();
    assert!(!test.accepted && parts.iter().all(|part| line.contains(part)), "{:.2000}", test.output);
    assert!(line.len() < 1000, "a line of {} bytes: {line:.300}", line.len());
}

/// With a terminal of its own, which shows what is typed there.
const IN_A_TERMINAL: [&str; 3] =
    ["/usr/bin/python3", "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"];

/// What is typed into root's terminal root's shell would run.
#[test]
fn no_terminal() {
    let notes = Notes::new("terminal");
    let httpd = doing(
        &notes,
        "
        import fcntl, termios
        def type_into(name, leads):
            if leads: os.setsid()
            terminal = os.open(name, os.O_RDWR)
            for byte in b'INJECTED': fcntl.ioctl(terminal, termios.TIOCSTI, bytes([byte]))
        tries = []
        for name in '/dev/tty', '/dev/console', '/proc/self/fd/0', '/proc/self/fd/1', '/proc/self/fd/2':
            for leads in False, True:
                process = os.fork()
                if process == 0:
                    try: type_into(name, leads)
                    except OSError: os._exit(0)
                    os._exit(1)
                if os.waitpid(process, 0)[1]: tries.append(name)
        note('tries', tries)
        note('terminal', open('/proc/self/stat').read().rsplit(')')[1].split()[4])
        answer()
        ",
    );
    let test = accepted(httpd.under(&IN_A_TERMINAL));
    assert!(!test.output.contains("INJECTED"), "{}", test.output);
    assert_eq!(notes.read("tries").unwrap(), "[]");
    assert_eq!(notes.read("terminal").unwrap(), "0", "the controlling terminal");
}

/// Prints how much memory the largest process had, KiB.
const MEASURED: [&str; 3] = [
    "/usr/bin/python3",
    "-c",
    "import subprocess, resource, sys
code = subprocess.run(sys.argv[1:]).returncode
print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
sys.exit(code)",
];

/// What it prints is read no further than an answer may go.
#[test]
fn endless_output() {
    for program in [
        "#!/bin/sh\nexec cat /dev/zero\n",
        "#!/bin/sh\nexec cat /dev/zero >&2\n",
        "#!/bin/sh\nyes >&2 & exec yes\n",
        "#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' x >&2\nexit 1\n",
        "#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' x\n",
    ] {
        let httpd = environment(program).under(&MEASURED);
        let home = httpd.dir().join("home");
        refused(httpd, &["bin/python3", "prints more than 64 KiB"]);
        assert_gone(&home);
    }
    let httpd = environment("#!/bin/sh\nexec cat /dev/zero\n").under(&MEASURED);
    let output = httpd.configtest().output;
    let peak =
        output.lines().find_map(|line| line.strip_prefix("peak ")).unwrap_or_else(|| panic!("{output}"));
    assert!(peak.parse::<u32>().unwrap() < 100_000, "{peak} KiB");
}

/// What goes into the log is cut.
#[test]
fn long_lines() {
    let word = "head -c 60000 /dev/zero | tr '\\0' x";
    refused(
        environment(&format!("#!/bin/sh\n{word} >&2\nexit 1\n")),
        &["bin/python3", "not a usable python", "xxx ..."],
    );
    for said in ["implementation=$(X)", "implementation=cpython\\nmod_wsgi:version=3.12.$(X)"] {
        let said = said.replace("(X)", &format!("({word})"));
        refused(environment(&format!("#!/bin/sh\nprintf \"mod_wsgi:{said}\\n\"\n")), &["bin/python3"]);
    }
}

/// No process of an environment is there.
#[track_caller]
fn assert_gone(home: &Path) {
    let home = home.to_str().unwrap();
    let there: Vec<_> = processes().into_iter().filter(|p| p.command.contains(home)).collect();
    assert!(there.is_empty(), "left behind: {there:?}");
}

/// A program that starts others which outlive it, ignore what can be ignored, and leave its session.
const STARTING: &str = "
    import signal
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    def beget(deeds):
        if os.fork(): return
        for deed in deeds: deed()
        null = os.open('/dev/null', os.O_RDWR)
        for stream in streams: os.dup2(null, stream)
        note('begot', '')
        while True: time.sleep(100)
    def leave():
        if os.fork(): os._exit(0)
    streams = [0, 1, 2]
    beget([])
    beget([os.setsid])
    beget([os.setsid, leave, os.setsid])
    streams = []
    beget([leave, os.setpgrp, leave])
    while not os.path.exists(notes + '/begot'): time.sleep(0.01)
    ";

/// Nothing that it has started is there when the answer is, whether it answers or not, and whatever Apache may do.
#[test]
fn what_it_started_is_gone() {
    let ways: [(&str, &[&str]); 2] =
        [("root", &[]), ("root that may not much", &["setpriv", "--bounding-set", "-sys_admin"])];
    for (way, under) in ways {
        for (end, is_accepted) in [("answer()", true), ("sys.exit(1)", false), ("print('x' * 100000)", false)]
        {
            let notes = Notes::new("started");
            let code = format!("{}{end}\n", text::dedent(STARTING));
            let httpd = doing(&notes, &code);
            let httpd = if is_root() { httpd.under(under) } else { httpd };
            let home = httpd.dir().join("home");
            let begun = Instant::now();
            let test = httpd.configtest();
            assert_gone(&home);
            assert_within(begun, 5.0, "the check");
            assert_eq!(test.accepted, is_accepted, "{way}, {end}: {}", test.output);
            assert!(notes.read("begot").is_some(), "{way}, {end}");
        }
    }
}

/// One that runs away: it is never the same process for long.
#[test]
fn a_chain_of_processes_is_gone() {
    skip_if!(!is_root(), "needs root");
    let notes = Notes::new("chain");
    let httpd = doing(
        &notes,
        "
        if os.fork() == 0:
            ends = time.time() + 30
            while time.time() < ends:
                if os.fork(): os._exit(0)
                os.setsid()
                with open(notes + '/links', 'a') as file: file.write('.')
        while not os.path.exists(notes + '/links'): time.sleep(0.01)
        answer()
        ",
    );
    accepted(httpd);
    let links = notes.read("links").unwrap().len();
    poll::pause(std::time::Duration::from_millis(300));
    assert_eq!(notes.read("links").unwrap().len(), links, "it goes on");
}

/// What root's shell has open and in its environment is not the business of an environment's owner, nor are ways to rights.
#[test]
fn it_has_nothing_of_roots() {
    let notes = Notes::new("nothing");
    let httpd = doing(
        &notes,
        "
        import resource
        links = {}
        for fd in os.listdir('/proc/self/fd'):
            try: links[int(fd)] = os.readlink('/proc/self/fd/' + fd).split(':')[0]
            except OSError: pass
        status = dict(line.rstrip().split(':\\t', 1) for line in open('/proc/self/status'))
        import json
        note('facts', json.dumps({
            'links': links, 'environ': sorted(os.environ), 'rights': [status['NoNewPrivs'], status['CapEff']],
            'groups': os.getgroups(), 'leader': os.getsid(0) == os.getpid(), 'directory': os.getcwd(),
            'session': os.getsid(0), 'ignored': status['SigIgn'], 'blocked': status['SigBlk'],
            'limits': [resource.getrlimit(getattr(resource, 'RLIMIT_' + name))
                       for name in ('AS', 'CORE', 'CPU', 'FSIZE', 'NOFILE')]}))
        answer()
        ",
    );
    let canary = "exec 3</etc/hostname 77</etc/hostname; exec \"$@\"";
    let httpd = httpd.env("CANARY", "secret").env("LD_PRELOAD", "").under(&["bash", "-c", canary, "bash"]);
    accepted(httpd);
    let facts: serde_json::Value = serde_json::from_str(&notes.read("facts").unwrap()).unwrap();
    // Beside the streams there is what it reads itself: its program, and the directory.
    let links = facts["links"].as_object().unwrap();
    assert_eq!(
        (&links["0"], &links["1"], &links["2"]),
        (&"/dev/null".into(), &"pipe".into(), &"pipe".into())
    );
    let foreign = links.values().filter(|link| {
        let link = link.as_str().unwrap();
        !(link == "/dev/null" || link == "pipe" || link.starts_with("/proc/") || link.contains("/home/bin/"))
    });
    assert_eq!(foreign.count(), 0, "{facts}");
    let variables = facts["environ"].as_array().unwrap();
    // Python adds LC_CTYPE where the locale is C.
    let known = ["PATH", "PYTHONDONTWRITEBYTECODE", "LC_CTYPE"];
    assert!(variables.iter().all(|name| known.contains(&name.as_str().unwrap())), "{facts}");
    assert_eq!(facts["rights"][0], "1", "{facts}");
    if is_root() {
        assert_eq!(facts["rights"][1], "0000000000000000", "{facts}");
        assert!(!facts["groups"].as_array().unwrap().contains(&0.into()), "{facts}");
    }
    assert_eq!((&facts["leader"], &facts["directory"]), (&false.into(), &"/".into()));
    assert_eq!((&facts["blocked"]), &"0000000000000000", "{facts}");
    for (limit, most) in facts["limits"].as_array().unwrap().iter().zip([4u64 << 30, 0, 10, 1 << 20, 256]) {
        assert!(limit[0].as_u64().is_some_and(|n| n <= most) && limit[0] == limit[1], "{facts}");
    }
}

/// Root opens no file of an environment: one that never ends, or has no end to be written to, would hold it.
#[test]
fn files_that_hold_who_reads_them() {
    let failing = "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'encodings'\" >&2\nexit 1\n";
    for make in ["mkfifo", "ln -s /dev/zero", "ln -s /proc/kmsg", "ln -s /dev/tty"] {
        let httpd = environment(failing);
        let file = httpd.dir().join("home/pyvenv.cfg");
        let made =
            std::process::Command::new("sh").args(["-c", &format!("{make} {}", file.display())]).status();
        assert!(made.unwrap().success());
        refused(httpd, &["bin/python3", "does not find its standard library"]);
    }
    // Nor does its error log say what only root may read.
    skip_if!(!is_root(), "needs root");
    let httpd = environment(failing).file("secret", "home = /root/.secret-word/bin\n");
    let (secret, link) = (httpd.dir().join("secret"), httpd.dir().join("home/pyvenv.cfg"));
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&secret, Some(0), Some(0)).unwrap();
    std::os::unix::fs::symlink(&secret, link).unwrap();
    let output = httpd.configtest().output;
    assert!(!output.contains("secret-word"), "{output}");
}

/// Those who keep several pythons have a script there, which runs other programs by their names.
#[test]
fn a_shim() {
    let python = venv().join("bin/python");
    let program = format!(
        "#!/usr/bin/env bash
set -e
name=\"$(basename \"$0\")\"
text=$(cat <<END
$(printf '%s' \"$name\" | tr a-z A-Z)
END
)
[ -n \"$text\" ] && exec \"{}\" \"$@\"
",
        python.display()
    );
    accepted(environment(&program));
}
