//! What a running server does: `status`, `requests`, `stacks` and `profile` ask its processes at their sockets, which root and
//! Apache's user may.
//!
//! A process may run code of others, so an answer is bounded in size and time, and what cannot be seen in a line is not printed.

mod bounded;
mod flame;
mod overview;
mod server;
mod socket;
mod speedscope;
mod stacks;
mod table;

use crate::args;
use crate::failure::{Failure, of_file};
use serde_json::Value;
use server::{Process, Server};
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

/// `mod-wsgi status`
pub fn status(question: &args::Status) -> Result<(), Failure> {
    loop {
        let server = Server::find(&question.place)?;
        let text = match question.json {
            true => table::json(&server.state),
            false => overview::shown(&server.state),
        };
        if !question.watch {
            return say(&text);
        }
        // What was there is overwritten.
        say(&format!("\x1b[H\x1b[2J{text}"))?;
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// `mod-wsgi requests`
pub fn requests(question: &args::Requests) -> Result<(), Failure> {
    let server = Server::find(&question.place)?;
    say(&match question.json {
        true => table::json(&Value::Array(overview::requests(&server.state))),
        false => overview::requests_text(&server.state),
    })
}

/// `mod-wsgi stacks`
pub fn stacks(question: &args::Stacks) -> Result<u8, Failure> {
    let server = Server::find(&question.place)?;
    let asked = server.processes(question.target.as_deref())?;
    let answers = ask_all(&server, &asked, "stacks", Duration::from_secs(4), |_, answer| Ok(answer));
    let status = u8::from(answers.iter().any(|(_, answer)| answer.is_err()));
    if question.json {
        let value = |(process, answer): &(Process, Result<Value, Failure>)| match answer {
            Ok(answer) => answer.clone(),
            Err(failure) => serde_json::json!({"pid": process.pid, "error": failure.to_string()}),
        };
        say(&table::json(&Value::Array(answers.iter().map(value).collect())))?;
        return Ok(status);
    }
    for (process, answer) in &answers {
        let about = server.requests_of(process.pid);
        say(&match answer {
            Ok(answer) => stacks::shown(process, answer, &about),
            Err(failure) => stacks::without_answer(process, failure, &about),
        })?;
    }
    for (group, requests) in server.without_process(question.target.as_deref()) {
        say(&stacks::without_process(&group, &requests))?;
    }
    Ok(status)
}

/// `mod-wsgi profile`
pub fn profile(question: &args::Profile) -> Result<u8, Failure> {
    let name = question.output.to_string_lossy().into_owned();
    let is_svg = name.ends_with(".svg");
    if !is_svg && !name.ends_with(".json") {
        return Err(Failure::usage(format!(
            "{name} ends neither in .svg (a flame graph) nor in .json (for https://www.speedscope.app); name such a file with -o"
        )));
    }
    let server = Server::find(&question.place)?;
    let asked = server.processes(Some(&question.target))?;
    let line = format!("profile {} {}", question.seconds, question.rate);
    let answers = ask_all(
        &server,
        &asked,
        &line,
        Duration::from_secs(u64::from(question.seconds) + 8),
        |process, answer| flame::Profile::of(process, &answer),
    );
    let (mut profiles, mut status) = (Vec::new(), 0);
    for (_, profile) in answers {
        match profile {
            Ok(profile) => profiles.push(profile),
            Err(failure) => {
                status = 1;
                eprintln!("mod-wsgi: {failure}");
            }
        }
    }
    if profiles.is_empty() {
        return Err(Failure::new("no process has answered; the lines above say why"));
    }
    let samples: u64 = profiles.iter().map(flame::Profile::samples).sum();
    if samples == 0 {
        return Err(Failure::new(
            "no Python code has run meanwhile; take the profile while there are requests",
        ));
    }
    let bytes = if is_svg { flame::svg(&profiles, &question.target)? } else { speedscope::json(&profiles) };
    std::fs::write(&question.output, bytes).map_err(of_file("write", &question.output))?;
    say(&format!("{samples} samples of {} process(es) are in {name}\n", profiles.len()))?;
    let left_out = profiles.iter().fold(0u64, |sum, profile| sum.saturating_add(profile.left_out));
    if left_out > 0 {
        eprintln!(
            "mod-wsgi: {left_out} samples are left out, for there were too many different stacks; take a shorter profile"
        );
    }
    Ok(status)
}

/// Asks processes at the same time. What their answers are made into is made of one after the other: it has much more of them in
/// memory for a moment.
fn ask_all<T: Send>(
    server: &Server,
    all: &[Process],
    line: &str,
    wait: Duration,
    make: impl Fn(&Process, Value) -> Result<T, Failure> + Sync,
) -> Vec<(Process, Result<T, Failure>)> {
    let turn = Mutex::new(());
    let ask = |process: &Process| {
        let bytes = server.place.fetch(process.pid, line, wait)?;
        let _turn = os::lock(&turn);
        make(process, socket::read(process.pid, &bytes)?)
    };
    std::thread::scope(|scope| {
        let ask = &ask;
        let asked: Vec<_> = all.iter().map(|process| (process, scope.spawn(move || ask(process)))).collect();
        asked
            .into_iter()
            .map(|(process, thread)| {
                let answer = thread.join().unwrap_or_else(|_| Err(Failure::new("this command has failed")));
                (process.clone(), answer)
            })
            .collect()
    })
}

/// Prints; whoever reads may have gone.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::new(format!("cannot print: {error}; correct where the output goes"))),
        Ok(()) => Ok(()),
    }
}
