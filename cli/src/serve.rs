//! Runs Apache in the foreground, as a service manager or a container wants a server: signals are passed on, the log goes to the
//! terminal, and the status tells how it went.

use crate::app::App;
use crate::args;
use crate::failure::{Failure, of_file};
use crate::prepare::{Prepared, prepare};
use os::{Event, Signal};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::ToSocketAddrs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Serves until Apache ends or somebody says so.
pub fn serve(args: args::Site) -> Result<(), Failure> {
    // From the beginning on: the first process of a container gets no signal that it does not ask for, and what is written has
    // to go again.
    let signals = Event::new().map_err(of_file("wait for signals at", Path::new("an event")))?;
    for signal in NOTED {
        os::note(signal, &signals);
    }
    let prepared = prepare(args, false)?;
    for port in [Some(prepared.site.port), prepared.site.args.https_port].into_iter().flatten() {
        is_free(prepared.site.host.as_deref(), port)?;
    }
    let advice = prepared.check()?;
    forget_old_server(&prepared);
    if ENDING.into_iter().any(os::has_come) {
        return Ok(());
    }
    println!("{}", announcement(&prepared));
    let _ = io::stdout().flush();
    prepared.say(&advice);

    // Apache opens the log once more by the name of the stream: in a file, what is written here would overwrite its lines.
    os::append(io::stderr());
    os::append(io::stdout());
    let mut command = prepared.command();
    // The terminal's signals reach this command, which says what Apache is to do.
    command.arg("-DFOREGROUND").stdin(Stdio::null()).process_group(0);
    let log = match opens_again("/dev/stderr") && opens_again("/dev/stdout") {
        true => None,
        false => {
            let (reading, writing) = os::pipe().map_err(of_file("make a pipe at", Path::new("the log")))?;
            let copy = writing.try_clone().map_err(of_file("make a pipe at", Path::new("the log")))?;
            command.stdout(copy).stderr(writing);
            Some(File::from(reading))
        }
    };
    let mut apache = command.spawn().map_err(of_file("run", &prepared.site.httpd.program))?;
    drop(command);
    let copier = log.map(|log| std::thread::spawn(move || copy(log)));
    let (status, was_told) = wait(&mut apache, &signals, &prepared.pid_file);
    if let Some(copier) = copier {
        // A process that the application has left behind may keep the log open for ever.
        let until = Instant::now() + Duration::from_secs(1);
        while !copier.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    if was_told || status.success() {
        return Ok(());
    }
    let why = match &prepared.error_log {
        Some(file) => format!("the end of {} says why, or the lines above", file.display()),
        None => "the lines above say why".to_owned(),
    };
    Err(Failure::new(format!("Apache has ended ({status}); {why}")))
}

/// Removes the file with the pid of a server that was killed: it says when this one takes signals.
fn forget_old_server(prepared: &Prepared) {
    let pid =
        std::fs::read_to_string(&prepared.pid_file).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let name = prepared.site.httpd.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lives = pid.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    if lives.is_none_or(|comm| comm.trim() != name) {
        let _ = std::fs::remove_file(&prepared.pid_file);
    }
}

/// The first line: the URL, and what is there.
fn announcement(prepared: &Prepared) -> String {
    let site = &prepared.site;
    let python = match (&site.python, site.has_application()) {
        (Some(home), true) => format!(", python of {}", home.display()),
        _ => String::new(),
    };
    let app = if site.app == App::Welcome { "a page of its own" } else { &site.args.app };
    format!("Serving {app} at {} (configuration {}{python})", site.url(), prepared.config.display())
}

/// Nobody else listens there, and this user may.
fn is_free(host: Option<&str>, port: u16) -> Result<(), Failure> {
    let host = host.unwrap_or("0.0.0.0");
    let addresses = (host, port).to_socket_addrs().map(Vec::from_iter).map_err(|error| {
        Failure::usage(format!(
            "--host {host} is no address of this machine ({error}); leave it out, or correct it"
        ))
    })?;
    match addresses.into_iter().try_for_each(os::may_listen) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Failure::new(format!(
            "only root may listen on port {port}; choose one from 1024 on (--port 8000)"
        ))),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Failure::new(format!(
            "port {port} is in use already; stop what listens there, or choose another port (--port NUMBER)"
        ))),
        Err(error) => Err(Failure::new(format!(
            "cannot listen on {host} port {port}: {error}; correct --host or --port"
        ))),
    }
}

/// What signals to this command mean.
const NOTED: [Signal; 7] = [
    Signal::SIGCHLD,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGWINCH,
];

/// Those that end it.
const ENDING: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT];

/// How long Apache may take to end when it is told to finish its requests: its GracefulShutdownTimeout, and a little.
const PATIENCE: Duration = Duration::from_secs(35);
/// A SIGTERM that comes so soon after the first is the same one, sent to a group of processes and to this one of them.
const SAME: Duration = Duration::from_secs(1);

/// Passes signals on until Apache has ended; answers how, and whether it was told to. `pid_file` is there while Apache
/// takes signals.
fn wait(apache: &mut Child, signals: &Event, pid_file: &Path) -> (ExitStatus, bool) {
    let mut told: Option<Instant> = None;
    loop {
        if let Ok(Some(status)) = apache.try_wait() {
            return (status, told.is_some());
        }
        // As the first process of a container this one gets processes whose parents have ended.
        os::reap_strangers(|pid| pid == apache.id());
        for signal in NOTED.into_iter().filter(|signal| os::has_come(*signal)) {
            let meaning = match (signal, told) {
                (Signal::SIGTERM, Some(since)) if since.elapsed() < SAME => continue,
                // Requests are finished; whoever says it again does not wait for them.
                (Signal::SIGTERM, None) if pid_file.exists() => Signal::SIGWINCH,
                (Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT, _) => Signal::SIGTERM,
                (Signal::SIGHUP | Signal::SIGUSR1, _) => signal,
                // A terminal sends SIGWINCH when its size changes.
                _ => continue,
            };
            if matches!(meaning, Signal::SIGWINCH | Signal::SIGTERM) {
                told.get_or_insert_with(Instant::now);
            }
            os::signal(apache.id(), meaning);
        }
        let left = told.map(|since| PATIENCE.saturating_sub(since.elapsed()));
        if left == Some(Duration::ZERO) {
            os::signal(apache.id(), Signal::SIGTERM);
        }
        signals.sleep(left.filter(|left| !left.is_zero()).unwrap_or(Duration::from_secs(3600)));
    }
}

/// Whether Apache can open this stream by its name: not if it is a socket, or a pipe of another user.
fn opens_again(name: &str) -> bool {
    File::options().append(true).open(name).is_ok()
}

/// What Apache writes goes to the own standard error.
fn copy(mut log: File) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let _ = os::await_readable(std::os::fd::AsRawFd::as_raw_fd(&log), None);
        match log.read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => _ = io::stderr().write_all(&bytes[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}
