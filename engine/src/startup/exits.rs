//! What ends the process from inside (`exits.py`): whether an application may, and which one it was.

use super::app::App;
use super::{RUNTIME, Runtime, os};
use crate::wsgi::Call;
use std::cell::RefCell;
use std::sync::{Arc, PoisonError};
use wire::exit_rule;

/// `WSGIRestrictExit`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExitRule {
    /// An application may end the process.
    #[default]
    Off,
    /// It may not.
    On,
    /// It may where the process serves nobody else and nothing starts.
    Auto,
}

impl ExitRule {
    /// What the configuration says.
    pub fn of(number: u8) -> Self {
        match number {
            exit_rule::OFF => Self::Off,
            exit_rule::ON => Self::On,
            _ => Self::Auto,
        }
    }
}

/// What an application is about to do. `exits.py` has the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It ends the process.
    End,
    /// It sends the process a signal.
    Signal(i32),
    /// It sends a signal to all processes of a group of which this is one.
    Group(i32),
    /// It puts another program into the process.
    Replace,
    /// It interrupts Python's main thread.
    Interrupt,
}

impl Act {
    /// From its number, and that of the signal.
    pub fn of(number: i64, signal: i64) -> Option<Self> {
        let signal = i32::try_from(signal).unwrap_or(0);
        Some(match number {
            0 => Self::End,
            1 => Self::Signal(signal),
            2 => Self::Group(signal),
            3 => Self::Replace,
            4 => Self::Interrupt,
            _ => return None,
        })
    }
}

/// What is done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The process does not end of it.
    Harmless,
    /// The process ends, and may.
    Ends,
    /// It must not be done, and why.
    Refused(String),
}

/// What a signal to this process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Nothing,
    /// Another process takes the place of this one, in good order.
    Replaces,
    Ends,
}

/// Signals at which a process of a process group is replaced.
const REPLACING: [i32; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGXCPU];
/// Signals that end an Apache child, whoever handles them there.
const ENDING_CHILDREN: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];
/// Signals that end any process: what handles them writes down where it stands.
const FAULTS: [i32; 5] = [libc::SIGSEGV, libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
/// Signals that do nothing unless they are handled.
const QUIET: [i32; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];

fn effect(signal: i32, daemon: bool) -> Effect {
    if FAULTS.contains(&signal) || (!daemon && ENDING_CHILDREN.contains(&signal)) {
        return Effect::Ends;
    }
    let is_default = os::is_default(signal);
    if daemon && REPLACING.contains(&signal) && is_default == Some(false) {
        return Effect::Replaces;
    }
    if is_default == Some(true) && !QUIET.contains(&signal) { Effect::Ends } else { Effect::Nothing }
}

thread_local! {
    /// The application that this thread starts.
    static STARTS: RefCell<Option<Arc<App>>> = const { RefCell::new(None) };
}

/// Runs `work`, which starts the application.
pub(super) fn while_starting<T>(app: &Arc<App>, work: impl FnOnce() -> T) -> T {
    struct Back(Option<Arc<App>>);
    impl Drop for Back {
        fn drop(&mut self) {
            STARTS.replace(self.0.take());
        }
    }
    let _back = Back(STARTS.replace(Some(app.clone())));
    work()
}

/// What is done about it, when the calling thread does it now.
pub fn rule(act: Act) -> Ruling {
    match RUNTIME.get() {
        Some(runtime) => runtime.rule(act),
        None => Ruling::Harmless,
    }
}

/// The script of the application that the calling thread works for.
pub fn caller() -> Option<String> {
    let shown = |script: &[u8]| String::from_utf8_lossy(script).into_owned();
    let starts = || STARTS.with_borrow(|app| app.as_ref().map(|app| shown(&app.path)));
    starts().or_else(|| Call::current().map(|call| shown(&call.script))).or_else(|| {
        let apps = RUNTIME.get()?.known();
        if let [only] = &apps[..] { Some(shown(&only.path)) } else { None }
    })
}

impl Runtime {
    /// All applications that the process serves, or is to.
    fn known(&self) -> Vec<Arc<App>> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).values().flatten().cloned().collect()
    }

    fn rule(&self, act: Act) -> Ruling {
        let settings = &self.settings;
        let service = self.is_service();
        if act == Act::Interrupt && settings.restrict_exit == ExitRule::Off {
            return Ruling::Harmless;
        }
        let effect = match act {
            Act::Signal(signal) | Act::Group(signal) => effect(signal, settings.daemon && !service),
            _ => Effect::Ends,
        };
        if effect == Effect::Nothing {
            return Ruling::Harmless;
        }
        if let Some(why) = self.why_not(act, effect, service) {
            return Ruling::Refused(why);
        }
        if effect == Effect::Replaces || act == Act::Interrupt { Ruling::Harmless } else { Ruling::Ends }
    }

    fn why_not(&self, act: Act, effect: Effect, service: bool) -> Option<String> {
        let settings = &self.settings;
        if settings.restrict_exit == ExitRule::Off {
            return None;
        }
        match act {
            Act::Group(_) => return Some("it would reach other processes of the server".into()),
            Act::Replace if !service => return Some("the process would serve nobody any more".into()),
            _ => {}
        }
        let mine = STARTS.with_borrow(|app| app.as_ref().map(|app| app.shown().into_owned()));
        if effect == Effect::Replaces {
            // Its successor would load the same script.
            return mine.map(|script| format!("'{script}' is just being loaded"));
        }
        if settings.restrict_exit == ExitRule::On {
            return Some("WSGIRestrictExit is On".into());
        }
        if service {
            return None;
        }
        if !settings.daemon {
            return Some("an Apache child serves others too".into());
        }
        let apps = self.known();
        if let Some(starts) = apps.iter().find(|app| app.inner().state.is_moving()) {
            return Some(format!("'{}' is just being started in this process", starts.shown()));
        }
        // One script is one application, under however many names visitors reach it.
        let mine = caller();
        let other = apps.iter().map(|app| app.shown()).find(|script| mine.as_deref() != Some(script));
        other.map(|script| format!("the process serves other applications too ('{script}')"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_effects() {
        for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGABRT, libc::SIGALRM] {
            assert_eq!(effect(signal, true), Effect::Ends, "{signal}");
            assert_eq!(effect(signal, false), Effect::Ends, "{signal}");
        }
        for signal in [0, 99, -1, libc::SIGCHLD, libc::SIGWINCH, libc::SIGPIPE] {
            assert_eq!(effect(signal, true), Effect::Nothing, "{signal}");
        }
        assert_eq!(effect(libc::SIGTERM, false), Effect::Ends, "whoever handles it");
        assert_eq!(effect(libc::SIGHUP, true), Effect::Ends, "nobody handles it here");
    }
}
