//! Why an attempt failed, in words for the log.

use super::app::App;
use super::record::Cause;
use super::state::NextInterpreter;
use wire::{Message, message as msg};

/// Why an attempt failed, and what that means for the next attempt.
pub struct Failure {
    /// Number of the message.
    pub number: Message,
    /// The first line, up to the id.
    pub what: String,
    /// Exception and traceback.
    pub cause: Cause,
    /// Files whose change may fix the failure.
    pub watched: Vec<String>,
    /// Where the next attempt is made.
    pub next_interpreter: NextInterpreter,
}

impl Failure {
    /// Makes a failure without an exception of the application.
    pub fn new(number: Message, app: &App, text: &str) -> Box<Self> {
        let class = match number {
            msg::WARM_UP_FAILED => "warm-up",
            msg::INTERPRETER_FAILED => "InterpreterError",
            _ => "Fault",
        };
        let cause = Cause { class: class.into(), text: text.into(), ..Cause::default() };
        let what = format!("the start of '{}' has failed", app.shown());
        let watched = vec![app.shown().into_owned()];
        Box::new(Self { number, what, cause, watched, next_interpreter: NextInterpreter::Group })
    }

    /// The first line says the cause, too.
    pub fn says_all(&self) -> bool {
        is_of_rules(self.number)
    }
}

/// The number of the same message when the process starts.
pub fn at_start(number: Message) -> Message {
    match number {
        msg::SCRIPT_UNREADABLE => msg::PRELOAD_UNREADABLE,
        msg::SCRIPT_EXITED => msg::PRELOAD_EXITED,
        msg::SCRIPT_RAISED => msg::PRELOAD_RAISED,
        other => other,
    }
}

/// The script was not run because its group's rules are against it; the exception's text says which, and nothing else is
/// to be said.
pub fn is_of_rules(number: Message) -> bool {
    matches!(number, msg::WRONG_OWNER | msg::WRONG_GROUP | msg::OUTSIDE_SCRIPT_ROOT)
}

/// The beginning of the first line.
pub fn failure_text(number: Message, app: &App, class: &str, context: &str) -> String {
    let what = app.title();
    if matches!(number, msg::SCRIPT_UNREADABLE | msg::PRELOAD_UNREADABLE) {
        return format!("{what} could not be read or compiled for {context}");
    }
    format!("{what} raised {class} while it was loaded into {context}")
}
