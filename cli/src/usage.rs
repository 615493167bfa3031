//! Reads the command line; what is wrong with it is one sentence.

use crate::args::{Arguments, Command, OLD_COMMANDS};
use crate::failure::Failure;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{ArgAction, CommandFactory, Parser};
use wire::words::nearest;

/// The command of a command line. Prints help and version, and ends with that.
pub fn parse(words: Vec<String>) -> Result<Command, Failure> {
    let command = words.get(1).filter(|word| !word.starts_with('-')).cloned();
    Arguments::try_parse_from(words).map(|arguments| arguments.command).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => Failure::usage(sentence(&error, command.as_deref())),
    })
}

/// Whether this option of `serve` adds to what was given before.
pub fn may_be_repeated(option: &str) -> bool {
    let command = Arguments::command();
    let mut arguments =
        command.get_subcommands().filter(|sub| sub.get_name() == "serve").flat_map(|sub| sub.get_arguments());
    let found = arguments.find(|argument| argument.get_long() == Some(option));
    found.is_some_and(|argument| matches!(argument.get_action(), ArgAction::Append))
}

/// What is wrong, and what may be meant.
fn sentence(error: &Error, command: Option<&str>) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) if !texts.is_empty() => Some(texts.join(" or ")),
        _ => None,
    };
    let help = match command.filter(|_| error.kind() != ErrorKind::InvalidSubcommand) {
        Some(command) => format!("see mod-wsgi {command} --help"),
        None => "see mod-wsgi --help".to_owned(),
    };
    let command = || {
        let (word, commands) = (text(ContextKind::InvalidSubcommand)?, Arguments::command());
        let all = commands.get_subcommands().map(clap::Command::get_name).chain(OLD_COMMANDS);
        nearest(&word, all).map(str::to_owned)
    };
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let meant = command().or_else(|| meant.into_iter().find_map(text));
    let remedy = meant.map_or(help, |meant| format!("did you mean {meant}?"));
    match (error.kind(), text(ContextKind::InvalidArg), text(ContextKind::InvalidSubcommand)) {
        (ErrorKind::UnknownArgument, Some(word), _) if word.starts_with('-') => {
            format!("there is no option {word}; {remedy}")
        }
        (ErrorKind::UnknownArgument, Some(word), _) => format!("{word} is one word too many; {remedy}"),
        (_, _, Some(word)) => format!("there is no command {word}; {remedy}"),
        (ErrorKind::MissingRequiredArgument, Some(missing), _) => {
            format!("the command line lacks {}; {remedy}", missing.replace(" or ", " and "))
        }
        _ => {
            let rendered = error.to_string();
            let first = rendered.lines().next().unwrap_or_default();
            format!("{}; {remedy}", first.trim_start_matches("error: "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        match parse(line.split_whitespace().map(str::to_owned).collect()) {
            Ok(_) => String::new(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn what_is_wrong_is_one_sentence() {
        for (line, sentence) in [
            ("mod-wsgi serve a.py --prot 80", "there is no option --prot; did you mean --port?"),
            ("mod-wsgi srve a.py", "there is no command srve; did you mean serve?"),
            ("mod-wsgi start-srever a.py", "there is no command start-srever; did you mean start-server?"),
            ("mod-wsgi serve", "the command line lacks <APP>; see mod-wsgi serve --help"),
            ("mod-wsgi serve a.py b.py", "b.py is one word too many; see mod-wsgi serve --help"),
            (
                "mod-wsgi serve a.py --kind perl",
                "invalid value 'perl' for '--kind <KIND>'; see mod-wsgi serve --help",
            ),
            (
                "mod-wsgi serve a.py --https-port 443",
                "the command line lacks --key <FILE> and --certificate <FILE>; see mod-wsgi serve --help",
            ),
        ] {
            assert_eq!(said(line), sentence, "{line}");
        }
    }
}
