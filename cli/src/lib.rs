//! `mod-wsgi`: serves a WSGI application with Apache and mod_wsgi, and says what is wrong with a site.
//!
//! ```text
//! words of the command line ─ (old) ─▶ args ─▶ site ─▶ config ─▶ files in the server root ─▶ Apache
//! ```
//!
//! `old` translates the command lines of mod_wsgi-express. Everything behind `args` is the same for both.
#![deny(unsafe_code)]

mod app;
mod args;
mod config;
mod doctor;
mod environment;
mod failure;
mod httpd;
mod identity;
mod install;
mod live;
mod old;
mod pages;
mod paste;
mod prepare;
mod reach;
mod root;
mod serve;
mod site;
mod text;
mod usage;

use args::Command;
use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

/// What the program does with the words of its command line.
pub fn main() -> ExitCode {
    match words().and_then(run) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("mod-wsgi: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

/// The words of the command line.
fn words() -> Result<Vec<String>, Failure> {
    let whole = |word: OsString| {
        word.into_string().map_err(|word| {
            Failure::usage(format!(
                "{} is not UTF-8, which configurations of Apache are written in here; rename it",
                word.to_string_lossy()
            ))
        })
    };
    std::env::args_os().map(whole).collect()
}

fn run(words: Vec<String>) -> Result<u8, Failure> {
    let Some(command) = words.get(1).filter(|command| old::is_old(command)) else {
        return carry_out(usage::parse(words)?);
    };
    if words[2..].iter().any(|word| matches!(word.as_str(), "--help" | "-h")) {
        print!("{}", old::help(&words[2..]));
        return Ok(0);
    }
    let new = old::translate(command, &words[2..])?;
    carry_out(usage::parse(words.into_iter().take(1).chain(new.words).collect())?)
}

fn carry_out(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Serve(site) => serve::serve(*site)?,
        Command::Setup(site) => install::setup(*site)?,
        Command::Doctor(question) => return doctor::examine(&question),
        Command::Status(question) => live::status(&question)?,
        Command::Requests(question) => live::requests(&question)?,
        Command::Stacks(question) => return live::stacks(&question),
        Command::Profile(question) => return live::profile(&question),
        Command::ModuleConfig(question) => install::config(&question)?,
        Command::ModuleLocation(question) => install::location(&question)?,
        Command::InstallModule(question) => install::install(&question)?,
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { directory } => pages::manuals(&directory)?,
    }
    Ok(0)
}
