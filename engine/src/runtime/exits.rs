//! What ends the process from inside (`_exits.py`): whether an application may, and which one it was.

use super::output::Output;
use super::settings::Settings;
use once_cell::sync::OnceCell;
use std::cell::RefCell;
use wire::exit_rule;

/// `WSGIRestrictExit`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExitRule {
    /// An application may end the process.
    #[default]
    Off,
    /// An application may never end the process.
    On,
    /// An application may end the process if that serves no other application and none is starting.
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

/// What an application is about to do. `_exits.py` has the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The call ends the process.
    End,
    /// The call sends this signal to the process.
    Signal(i32),
    /// The call sends this signal to a Unix process group that contains the process.
    Group(i32),
    /// The call replaces the process by another program.
    Replace,
    /// The call interrupts Python's main thread.
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
    /// The call is refused, for this reason.
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
    /// The script of the application that this thread starts.
    static STARTS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`, which starts the application of this script.
pub fn while_starting<T>(script: &str, work: impl FnOnce() -> T) -> T {
    struct Back(Option<String>);
    impl Drop for Back {
        fn drop(&mut self) {
            STARTS.replace(self.0.take());
        }
    }
    let _back = Back(STARTS.replace(Some(script.to_owned())));
    work()
}

/// The applications of the process, as far as a ruling depends on them. Whoever starts applications is asked.
pub trait Tenants: Sync {
    /// The script of each that the process serves, or is to serve.
    fn scripts(&self) -> Vec<String>;
    /// The script of one that is just being started.
    fn starting(&self) -> Option<String>;
}

/// What a ruling depends on.
struct Rules {
    restrict_exit: ExitRule,
    daemon: bool,
    service: bool,
    tenants: &'static dyn Tenants,
}

static RULES: OnceCell<Rules> = OnceCell::new();

/// Rulings are wanted from now on.
pub fn begin(settings: &Settings, tenants: &'static dyn Tenants) {
    let (daemon, service) = (settings.process.daemon, settings.process.is_service());
    let _ = RULES.set(Rules { restrict_exit: settings.restrict_exit(), daemon, service, tenants });
}

/// What is done about it, when the calling thread does it now.
pub fn rule(act: Act) -> Ruling {
    match RULES.get() {
        Some(rules) => rules.rule(act),
        None => Ruling::Harmless,
    }
}

/// The script of the application that the calling thread works for.
pub fn caller() -> Option<String> {
    let current = || Output::current().map(|output| wire::shown(&output.script).into_owned());
    let only = || {
        let scripts = RULES.get()?.tenants.scripts();
        if let [only] = &scripts[..] { Some(only.clone()) } else { None }
    };
    starts().or_else(current).or_else(only)
}

/// The script of the application that the calling thread starts.
fn starts() -> Option<String> {
    STARTS.with_borrow(Option::clone)
}

impl Rules {
    fn rule(&self, act: Act) -> Ruling {
        if act == Act::Interrupt && self.restrict_exit == ExitRule::Off {
            return Ruling::Harmless;
        }
        let effect = match act {
            Act::Signal(signal) | Act::Group(signal) => effect(signal, self.daemon && !self.service),
            _ => Effect::Ends,
        };
        if effect == Effect::Nothing {
            return Ruling::Harmless;
        }
        if let Some(why) = self.why_not(act, effect) {
            return Ruling::Refused(why);
        }
        if effect == Effect::Replaces || act == Act::Interrupt { Ruling::Harmless } else { Ruling::Ends }
    }

    fn why_not(&self, act: Act, effect: Effect) -> Option<String> {
        if self.restrict_exit == ExitRule::Off {
            return None;
        }
        match act {
            Act::Group(_) => return Some("the signal would reach other processes of the server".into()),
            Act::Replace if !self.service => {
                return Some("the process could not serve requests any more".into());
            }
            _ => {}
        }
        if effect == Effect::Replaces {
            // Its successor would load the same script.
            return starts().map(|script| format!("'{script}' is just being loaded"));
        }
        if self.restrict_exit == ExitRule::On {
            return Some("WSGIRestrictExit is On".into());
        }
        if self.service {
            return None;
        }
        if !self.daemon {
            return Some("an Apache child also serves other requests".into());
        }
        if let Some(starts) = self.tenants.starting() {
            return Some(format!("'{starts}' is just being started in this process"));
        }
        // One script is one application, under however many names visitors reach it.
        let mine = caller();
        let other = self.tenants.scripts().into_iter().find(|script| mine.as_ref() != Some(script));
        other.map(|script| format!("the process also serves other applications ('{script}')"))
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
