//! What is made of the command line's own description: completions of shells, and manual pages.

use crate::args::Arguments;
use crate::failure::{Failure, of_file};
use clap::{Command, CommandFactory};
use std::fs;
use std::path::Path;

/// Prints the completions of a shell.
pub fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(shell, &mut shown(&Arguments::command()), "mod-wsgi", &mut std::io::stdout());
}

/// Writes `mod-wsgi.1` and a page for each of its commands.
pub fn manuals(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(of_file("create", directory))?;
    clap_mangen::generate_to(shown(&Arguments::command()), directory)
        .map_err(of_file("write manual pages into", directory))
}

/// The command without the options that only `old` uses.
fn shown(command: &Command) -> Command {
    let mut new =
        Command::new(command.get_name().to_owned()).disable_help_subcommand(true).disable_help_flag(true);
    if let Some(about) = command.get_about() {
        new = new.about(about.clone());
    }
    if let Some(more) = command.get_after_help() {
        new = new.after_help(more.clone());
    }
    if let Some(version) = command.get_version() {
        new = new.version(version.to_owned());
    }
    new.args(command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned())
        .subcommands(command.get_subcommands().map(shown))
}
