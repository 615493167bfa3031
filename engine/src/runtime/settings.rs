//! What the process was told: its settings, and its environment before any application ran.

use super::exits::ExitRule;
use crate::python::{Bound, Gil, Py, Result};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;
use wire::settings::{self, Interpreter, Process, Value, seconds};

/// The version of mod_wsgi whose interface applications find: they compare it to know what they may use.
const INTERFACE: [u32; 3] = [6, 1, 1];

/// What the process was told.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Settings of the process.
    pub process: Process,
    /// Of every interpreter that has no settings of its own.
    pub interpreter: Interpreter,
    /// Of the interpreters of these groups.
    pub named: Vec<(Vec<u8>, Interpreter)>,
    /// The process's environment before any application ran.
    pub environ: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Settings {
    /// What the other side said, and the environment as it is now.
    pub fn of(told: settings::Settings) -> Self {
        let settings::Settings { process, interpreter, named } = told;
        let hidden = |name: &[u8]| process.hide_hash_seed && name == b"PYTHONHASHSEED";
        let environ = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
        let environ = environ.filter(|(name, _)| !hidden(name)).collect();
        Self { process, interpreter, named, environ }
    }

    /// `WSGIStartupTimeout`, `startup-timeout=`
    pub fn startup_timeout(&self) -> Duration {
        seconds(self.process.startup_timeout)
    }

    /// Which of the two it is, so that an administrator changes the one that counts.
    pub fn startup_timeout_name(&self) -> &'static str {
        if self.process.startup_timeout_of_group { "startup-timeout=" } else { "WSGIStartupTimeout" }
    }

    /// `WSGIImportTimeout`; zero: off.
    pub fn import_timeout(&self) -> Duration {
        seconds(self.process.import_timeout)
    }

    /// `WSGISlowRequests`; `None`: off.
    pub fn slow_requests(&self) -> Option<Duration> {
        (self.process.slow_requests > 0.0).then(|| seconds(self.process.slow_requests))
    }

    /// `WSGIRestrictExit`
    pub fn restrict_exit(&self) -> ExitRule {
        ExitRule::of(self.process.restrict_exit)
    }

    /// How a process of the group died, where it is the one that died last.
    pub fn death_of(&self, pid: u32) -> Option<String> {
        let is_known = pid != 0 && self.process.died == pid;
        is_known.then(|| wire::shown(&self.process.died_by).into_owned())
    }

    /// Threads that may wait for a start: the others are left for what needs no Python.
    pub fn may_wait(&self) -> usize {
        let threads = usize::try_from(self.process.threads).unwrap_or(1);
        if self.process.daemon { threads } else { threads / 2 }.max(1)
    }

    /// The settings of the interpreter of a group.
    fn of_interpreter(&self, group: &[u8]) -> Interpreter {
        match self.named.iter().find(|(name, _)| name == group) {
            Some((_, own)) => own.clone(),
            // Where nothing was set for it, the process's interval is the right one.
            None if !group.is_empty() => Interpreter { switch_interval: 0.0, ..self.interpreter.clone() },
            None => self.interpreter.clone(),
        }
    }

    /// Which GIL the interpreter of a group has.
    pub fn gil_of(&self, group: &[u8]) -> Gil {
        let is_wanted =
            !group.is_empty() && (self.process.interpreters > 1 || self.of_interpreter(group).own_gil);
        if is_wanted && Gil::Own.is_there() { Gil::Own } else { Gil::Shared }
    }

    /// Interpreters of the process may have GILs of their own.
    fn has_own_gils(&self) -> bool {
        let mut all = self.named.iter().map(|(_, interpreter)| interpreter).chain([&self.interpreter]);
        let are_wanted = self.process.interpreters > 1 || all.any(|interpreter| interpreter.own_gil);
        are_wanted && Gil::Own.is_there()
    }

    /// The dict that `_prepare.py` is given for an interpreter: each setting by its name. `_settings.pyi` describes it.
    pub fn config<'py>(&self, py: Py<'py>, name: &[u8]) -> Result<Bound<'py>> {
        let config = Bound::dict(py)?;
        let set = |name: &str, value: Bound<'py>| config.dict_set(&Bound::str(py, name)?, &value);
        let mut interpreter = self.of_interpreter(name);
        interpreter.own_gil = self.gil_of(name) == Gil::Own;
        if interpreter.own_gil {
            interpreter.switch_interval = interpreter.own_switch_interval;
        }
        for (name, value) in self.process.fields().chain(interpreter.fields()) {
            set(name, shown(py, value)?)?;
        }
        set("main", Bound::bool(py, name.is_empty()))?;
        set("application_group", Bound::latin1(py, name)?)?;
        set("service", Bound::bool(py, self.process.is_service()))?;
        set("own_gils", Bound::bool(py, self.has_own_gils()))?;
        set("version", interface(py)?)?;
        let pairs = self
            .environ
            .iter()
            .map(|(name, value)| Bound::tuple(py, &[&Bound::bytes(py, name)?, &Bound::bytes(py, value)?]));
        set("environ", Bound::list(py, pairs.collect::<Result<_>>()?)?)?;
        Ok(config)
    }

    /// (major, minor, patch) of httpd, as a tuple.
    pub fn httpd_version<'py>(&self, py: Py<'py>) -> Result<Bound<'py>> {
        version(py, self.process.apache_version)
    }
}

/// A setting as Python sees it.
fn shown<'py>(py: Py<'py>, value: Value<'_>) -> Result<Bound<'py>> {
    match value {
        Value::Text(text) => Bound::latin1(py, text),
        Value::Path(path) => Bound::path(py, path),
        Value::Paths(paths) => {
            let paths = paths.iter().map(|path| Bound::path(py, path));
            Bound::list(py, paths.collect::<Result<_>>()?)
        }
        Value::Flag(flag) => Ok(Bound::bool(py, flag)),
        Value::Number(number) => Bound::int(py, number),
        Value::Real(number) => Bound::float(py, number),
        Value::Version(numbers) => version(py, numbers),
    }
}

/// The same as a text.
pub fn interface_text() -> String {
    INTERFACE.map(|number| number.to_string()).join(".")
}

/// The version of mod_wsgi whose interface applications find.
pub fn interface(py: Py<'_>) -> Result<Bound<'_>> {
    version(py, INTERFACE)
}

fn version(py: Py<'_>, numbers: [u32; 3]) -> Result<Bound<'_>> {
    let [major, minor, patch] = numbers.map(|number| Bound::int(py, number.into()));
    Bound::tuple(py, &[&major?, &minor?, &patch?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_has_its_own_settings_or_those_of_all() {
        let of = |switch_interval| Interpreter { switch_interval, ..Interpreter::default() };
        let (interpreter, named) = (of(0.1), vec![(b"shop".to_vec(), of(0.2))]);
        let settings = Settings { interpreter, named, ..Settings::default() };
        assert_eq!(settings.of_interpreter(b"shop"), of(0.2));
        assert_eq!(settings.of_interpreter(b""), of(0.1));
        assert_eq!(settings.of_interpreter(b"other"), of(0.0), "the interval is the process's");
    }

    #[test]
    fn types_of_the_settings_are_those_that_python_gets() {
        const TYPES: &str = include_str!("../../python/mod_wsgi/_settings.pyi");
        let (process, interpreter) = (Process::default(), Interpreter::default());
        let fields = process.fields().chain(interpreter.fields()).map(|(name, value)| {
            let kind = match value {
                Value::Text(_) | Value::Path(_) => "str",
                Value::Paths(_) => "list[str]",
                Value::Flag(_) => "bool",
                Value::Number(_) => "int",
                Value::Real(_) => "float",
                Value::Version(_) => "tuple[int, int, int]",
            };
            format!("    {name}: {kind}")
        });
        let told: Vec<&str> =
            TYPES.lines().filter(|line| line.starts_with("    ") && line.contains(": ")).collect();
        let expected: Vec<String> = fields.collect();
        assert_eq!(told[..expected.len()], expected, "wire/src/settings.rs has others");
        let added = ["main", "application_group", "service", "own_gils", "version", "environ"];
        let names: Vec<_> =
            told[expected.len()..].iter().filter_map(|line| line.trim().split(':').next()).collect();
        assert_eq!(names, added, "`config` adds others");
    }
}
