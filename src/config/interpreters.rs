//! Settings of interpreters: those of all, and those of `<WSGIInterpreterOptions>`, which name the interpreters that they
//! are for.

use std::collections::BTreeSet;
use wire::settings::{Interpreter, Settings};
use wire::words::Words;

/// What was set for interpreters in one place. `None`: nothing was said there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// WSGIPythonPath
    pub python_path: Option<Vec<u8>>,
    /// WSGISwitchInterval, seconds
    pub switch_interval: Option<f64>,
    /// WSGIPerInterpreterGIL
    pub own_gil: Option<bool>,
    /// WSGIRestrictStdin
    pub restrict_stdin: Option<bool>,
    /// WSGIRestrictStdout
    pub restrict_stdout: Option<bool>,
    /// WSGIRestrictSignal
    pub restrict_signal: Option<bool>,
}

/// A `<WSGIInterpreterOptions>`: which interpreters it is for, and what it sets there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// The process group; `None`: any. Empty: embedded mode.
    process_group: Option<Vec<u8>>,
    /// The application group; `None`: any. Empty: the main interpreter.
    application_group: Option<Vec<u8>>,
    options: Options,
}

/// Settings of interpreters in all places where they are set.
#[derive(Debug, Default)]
pub struct InterpreterOptions {
    outside: Options,
    /// Containers that are being read, the innermost one last.
    open: Vec<Container>,
    /// Those that have been read, in the order of their ends.
    containers: Vec<Container>,
}

impl InterpreterOptions {
    /// The settings of the place that is being read.
    pub fn here(&mut self) -> &mut Options {
        self.open.last_mut().map_or(&mut self.outside, |container| &mut container.options)
    }

    /// The place that is being read is about one application group.
    pub fn is_of_application_group(&self) -> bool {
        self.open.last().is_some_and(|container| container.application_group.is_some())
    }

    /// A container begins; what is read until [`InterpreterOptions::close`] is for it.
    pub fn open(&mut self, container: Container) {
        self.open.push(container);
    }

    /// The container that was opened last ends.
    pub fn close(&mut self) {
        self.containers.extend(self.open.pop());
    }

    /// Somewhere sub-interpreters are given a GIL of their own.
    pub fn want_own_gil(&self) -> bool {
        let mut all = self.containers.iter().map(|container| &container.options).chain([&self.outside]);
        all.any(|options| options.own_gil == Some(true))
    }

    /// Settings outside of containers, over the defaults.
    pub fn outside(&self) -> Interpreter {
        let mut interpreter = Interpreter::default();
        self.outside.over(&mut interpreter);
        interpreter.switch_interval = self.outside.switch_interval.unwrap_or(interpreter.switch_interval);
        interpreter
    }

    /// Adds what containers say of the interpreters of a process to what holds there outside of them.
    pub fn add_to(&self, settings: &mut Settings) {
        let mine =
            |wanted: &Option<Vec<u8>>, name: &[u8]| wanted.as_deref().is_none_or(|wanted| wanted == name);
        let process = &settings.process.process_group;
        let containers = self.containers.iter().filter(|container| mine(&container.process_group, process));
        let mut containers: Vec<&Container> = containers.collect();
        // Stable: of those with as many selectors the later one counts more.
        containers.sort_by_key(|container| container.selectors());
        let names: BTreeSet<&[u8]> =
            containers.iter().filter_map(|container| container.application_group.as_deref()).collect();
        let base = settings.interpreter.clone();
        let resolve = |group: Option<&[u8]>| {
            let mut interpreter = base.clone();
            interpreter.own_switch_interval = self.outside.switch_interval.unwrap_or_default();
            let mut own_interval = false;
            for container in &containers {
                if container.application_group.as_deref().is_some_and(|wanted| Some(wanted) != group) {
                    continue;
                }
                container.options.over(&mut interpreter);
                if let Some(seconds) = container.options.switch_interval {
                    (interpreter.switch_interval, interpreter.own_switch_interval) = (seconds, seconds);
                    own_interval = container.application_group.is_some();
                }
            }
            if group.is_some_and(|group| !group.is_empty()) && !own_interval {
                interpreter.switch_interval = 0.0;
            }
            interpreter
        };
        settings.interpreter = resolve(None);
        settings.named = names.iter().map(|name| (name.to_vec(), resolve(Some(name)))).collect();
    }
}

impl Options {
    /// Puts these settings over more general ones, but for the switch interval, which is of the process too.
    fn over(&self, interpreter: &mut Interpreter) {
        interpreter.python_path.extend(self.python_path.clone());
        let set = |field: &mut bool, value: Option<bool>| *field = value.unwrap_or(*field);
        set(&mut interpreter.own_gil, self.own_gil);
        set(&mut interpreter.restrict_stdin, self.restrict_stdin);
        set(&mut interpreter.restrict_stdout, self.restrict_stdout);
        set(&mut interpreter.restrict_signal, self.restrict_signal);
    }
}

impl Container {
    /// The container that begins with these words.
    pub fn parse(words: &[u8]) -> Result<Self, String> {
        const NAME: &str = "<WSGIInterpreterOptions>";
        let mut container = Self::default();
        let mut words = Words::of(words);
        while let Some(word) = words.setting() {
            let setting = word.map_err(|word| {
                format!("{NAME}: argument '{}' is not of the form key=value", wire::shown(&word))
            })?;
            let selector = match &setting.name[..] {
                b"process-group" => &mut container.process_group,
                b"application-group" => &mut container.application_group,
                other => {
                    return Err(format!(
                        "{NAME}: unknown selector '{}', expected process-group or application-group",
                        wire::shown(other)
                    ));
                }
            };
            let name = if setting.value == b"%{GLOBAL}" { Vec::new() } else { setting.value };
            if selector.replace(name).is_some() {
                return Err(format!("{NAME}: {} given more than once", wire::shown(&setting.name)));
            }
        }
        Ok(container)
    }

    fn selectors(&self) -> usize {
        usize::from(self.process_group.is_some()) + usize::from(self.application_group.is_some())
    }
}

#[cfg(test)]
mod tests;
