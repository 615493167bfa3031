//! What a process is told of itself and of its interpreters, in either mode: one description.
//!
//! A field stands here once, with its kind, its default and what it is; it is encoded, decoded and shown to Python from
//! here. A directive that changes something in the process is a row in the table of directives, a field here, and its use.

use crate::codec::{Malformed, Reader, Writer, hash};
use crate::scripts::Rules;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Changes with each field: both halves must know the same.
const SHAPE: u64 = hash(Process::SHAPE.as_bytes()) ^ hash(Interpreter::SHAPE.as_bytes()).rotate_left(1);

/// A number that no user and no group has.
pub const NOBODY: u32 = u32::MAX;

/// The halves know other fields.
pub(crate) const OTHER_VERSION: Malformed =
    Malformed("settings: mod_wsgi.so and _mod_wsgi.abi3.so are not of one version");

/// What settings are, for the error about ones that are not.
pub(crate) const WHAT: &str = "settings";

/// A value, as Python is to see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `str`, one character for each byte.
    Text(&'a [u8]),
    /// `str`, decoded as file names are.
    Path(&'a [u8]),
    /// A list of such `str`.
    Paths(&'a [Vec<u8>]),
    /// `bool`
    Flag(bool),
    /// `int`
    Number(i64),
    /// `float`
    Real(f64),
    /// A tuple of three `int`.
    Version([u32; 3]),
}

/// Makes a structure of settings: `field: kind = default`.
macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ident = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $crate::settings::settings!(@type $kind),)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default.into(),)* }
            }
        }

        impl $name {
            /// Names and kinds of the fields, in their order.
            pub const SHAPE: &'static str = concat!($(stringify!($field), ":", stringify!($kind), ";",)*);

            /// Writes all fields, in their order.
            pub fn put(&self, w: &mut $crate::codec::Writer<'_>) {
                $($crate::settings::settings!(@put w, $kind, self.$field);)*
            }

            /// Reads what `put` wrote.
            pub fn get(reader: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::Malformed> {
                Ok(Self { $($field: $crate::settings::settings!(@get reader, $kind),)* })
            }

            /// Each field's name and value.
            pub fn fields(&self) -> impl Iterator<Item = (&'static str, $crate::settings::Value<'_>)> {
                [$((stringify!($field), $crate::settings::settings!(@show $kind, self.$field)),)*].into_iter()
            }
        }
    };
    (@type text) => { Vec<u8> };
    (@type path) => { Vec<u8> };
    (@type paths) => { Vec<Vec<u8>> };
    (@type flag) => { bool };
    (@type version) => { [u32; 3] };
    (@type $number:ident) => { $number };
    (@put $w:ident, text, $value:expr) => { $w.text(&$value) };
    (@put $w:ident, path, $value:expr) => { $w.text(&$value) };
    (@put $w:ident, paths, $value:expr) => { $w.texts(&$value) };
    (@put $w:ident, version, $value:expr) => { $value.iter().for_each(|part| { $w.u32(*part); }) };
    (@put $w:ident, $kind:ident, $value:expr) => { $w.$kind($value) };
    (@get $r:ident, text) => { $r.text()?.to_vec() };
    (@get $r:ident, path) => { $r.text()?.to_vec() };
    (@get $r:ident, paths) => { $r.texts()? };
    (@get $r:ident, version) => { [$r.u32()?, $r.u32()?, $r.u32()?] };
    (@get $r:ident, $kind:ident) => { $r.$kind()? };
    (@show text, $value:expr) => { $crate::settings::Value::Text(&$value) };
    (@show path, $value:expr) => { $crate::settings::Value::Path(&$value) };
    (@show paths, $value:expr) => { $crate::settings::Value::Paths(&$value) };
    (@show flag, $value:expr) => { $crate::settings::Value::Flag($value) };
    (@show f64, $value:expr) => { $crate::settings::Value::Real($value) };
    (@show version, $value:expr) => { $crate::settings::Value::Version($value) };
    (@show u64, $value:expr) => { $crate::settings::Value::Number($value as i64) };
    (@show $number:ident, $value:expr) => { $crate::settings::Value::Number($value.into()) };
}
pub(crate) use settings;

settings! {
    /// What holds for a process: one of Apache's children, or a worker.
    Process {
        /// Name of the process group; empty: embedded mode.
        process_group: text = *b"",
        /// Whether the process is a worker: only applications need its threads.
        daemon: flag = false,
        /// `wsgi.multithread`
        multithread: flag = false,
        /// `wsgi.multiprocess`
        multiprocess: flag = false,
        /// `wsgi.run_once`
        run_once: flag = false,
        /// Processes of the group; of Apache, in embedded mode.
        processes: i32 = 1,
        /// Threads of each that serve requests; 0: a service.
        threads: i32 = 1,
        /// `concurrency=` or WSGIConcurrency: so many requests run at the same time; 0: the process finds out how many.
        concurrency: u32 = 0u32,
        /// The process finds out, too, whether its threads gain by staying on one processor.
        one_processor: flag = true,
        /// `interpreters=`: so many each application has that is not in the main one, each with a GIL of its own; 1: it has one.
        interpreters: u32 = 1u32,
        /// Version of httpd: major, minor, patch.
        apache_version: version = [0u32; 3],
        /// httpd with all its module tokens, whatever ServerTokens says.
        description: text = *b"",
        /// When httpd was built.
        build_date: text = *b"",
        /// Name of the MPM: `event`, `worker`, `prefork`.
        mpm_name: text = *b"",
        /// Most processes of the MPM.
        apache_processes: i32 = 1,
        /// Threads of each of those.
        apache_threads: i32 = 1,
        /// PYTHONHASHSEED was set for Python's start only.
        hide_hash_seed: flag = false,
        /// `WSGICaseSensitivity`: script paths that differ in case are different scripts.
        case_sensitive: flag = true,
        /// `WSGIRestrictExit`; see [`crate::exit_rule`].
        restrict_exit: u8 = crate::exit_rule::AUTO,
        /// `WSGIDestroyInterpreter`: exit functions run and interpreters are taken down when the process ends.
        destroy_interpreters: flag = true,
        /// Descriptor of the start registry, a file in memory that the processes of one user share; -1: there is none.
        registry: i32 = -1,
        /// `WSGIStartupLock`: permits; 0: off.
        permits: u32 = 0u32,
        /// How many permits more there are while processors have nothing to do.
        spare_permits: u32 = 0u32,
        /// Differs each time the server reads its configuration.
        generation: i64 = 0i64,
        /// When this process began to start Python, microseconds of the monotonic clock.
        begun: i64 = 0i64,
        /// `WSGIInterpreterLimit`: interpreters whose names clients may choose; 0: any number.
        interpreter_limit: u32 = 64u32,
        /// `WSGIStartupTimeout`, `startup-timeout=`, seconds.
        startup_timeout: f64 = 60.0,
        /// That is `startup-timeout=` of the group.
        startup_timeout_of_group: flag = false,
        /// `WSGIStartupRequests`
        startup_requests: u32 = 3u32,
        /// `WSGIImportTimeout`, seconds; 0: off.
        import_timeout: f64 = 10.0,
        /// `WSGIServerMetrics`, `server-metrics=`
        server_metrics: flag = false,
        /// `WSGITelemetryService`: path of the socket; empty: off.
        telemetry: path = *b"",
        /// `interval=` of that, seconds.
        telemetry_interval: f64 = 1.0,
        /// `WSGITelemetryOptions CaptureUserAgent`
        telemetry_user_agent: flag = false,
        /// `WSGISlowRequests`, seconds; 0: off.
        slow_requests: f64 = 0.0,
        /// A process of the group serves beside this one, which replaces it when it is ready.
        beside: flag = false,
        /// The process of the group that died last; 0: none has.
        died: u32 = 0u32,
        /// How the process died.
        died_by: text = *b"",
        /// `script-user=`; [`NOBODY`]: not given.
        script_user: u32 = NOBODY,
        /// `script-group=`; [`NOBODY`]: not given.
        script_group: u32 = NOBODY,
        /// `script-root=`, as the process sees it; empty: not given.
        script_root: path = *b"",
    }
}

settings! {
    /// What holds for an interpreter.
    Interpreter {
        /// `WSGIPythonPath`, `python-path=`: directories joined by colons, for each place in which they were set, the most
        /// general one first.
        python_path: paths = Vec::new(),
        /// `home=`, which is put first on sys.path; empty: not given.
        home: path = *b"",
        /// `WSGIPerInterpreterGIL`; the main interpreter has the GIL of the process.
        own_gil: flag = false,
        /// `WSGIRestrictStdin`
        restrict_stdin: flag = false,
        /// `WSGIRestrictStdout`
        restrict_stdout: flag = false,
        /// `WSGIRestrictSignal`
        restrict_signal: flag = true,
        /// `sys.stdout` stays what it is (`httpd -X`).
        keep_stdout: flag = false,
        /// `WSGISwitchInterval`, `switch-interval=`, seconds; 0: as Python has it. It is of the process; for a group that is not
        /// the main interpreter's it says what was set for that group alone.
        switch_interval: f64 = 0.0,
        /// `WSGISwitchInterval` for an interpreter with a GIL of its own, seconds; 0: as Python has it.
        own_switch_interval: f64 = 0.0,
    }
}

impl Process {
    /// Which scripts the process runs.
    pub fn rules(&self) -> Rules<'_> {
        let given = |id: u32| Some(id).filter(|id| *id != NOBODY);
        let root = Path::new(OsStr::from_bytes(&self.script_root));
        Rules {
            user: given(self.script_user),
            group: given(self.script_group),
            root: Some(root).filter(|_| !self.script_root.is_empty()),
        }
    }

    /// A group without request threads: its scripts run for as long as the process.
    pub fn is_service(&self) -> bool {
        self.daemon && self.threads == 0
    }
}

/// A time of the configuration: never negative, and nothing a clock cannot add.
pub fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number.clamp(0.0, 1e9)).unwrap_or_default()
}

/// What both modes are told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Settings of the process.
    pub process: Process,
    /// Of every interpreter in it that has no settings of its own.
    pub interpreter: Interpreter,
    /// Of the interpreters of these application groups (`<WSGIInterpreterOptions>`).
    pub named: Vec<(Vec<u8>, Interpreter)>,
}

impl Settings {
    /// The settings of the main interpreter.
    pub fn of_main(&mut self) -> &mut Interpreter {
        let own = self.named.iter_mut().find(|(name, _)| name.is_empty());
        own.map_or(&mut self.interpreter, |(_, interpreter)| interpreter)
    }

    /// Changes the settings of all interpreters.
    pub fn each_interpreter(&mut self, mut change: impl FnMut(&mut Interpreter)) {
        change(&mut self.interpreter);
        self.named.iter_mut().for_each(|(_, interpreter)| change(interpreter));
    }

    /// Writes the settings.
    pub fn put(&self, w: &mut Writer<'_>) {
        w.u64(SHAPE);
        self.process.put(w);
        self.interpreter.put(w);
        w.u32(self.named.len() as u32);
        for (name, interpreter) in &self.named {
            w.text(name);
            interpreter.put(w);
        }
    }

    /// Reads what `put` wrote.
    pub fn get(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if reader.u64()? != SHAPE {
            return Err(OTHER_VERSION);
        }
        let (process, interpreter) = (Process::get(reader)?, Interpreter::get(reader)?);
        let mut named = Vec::new();
        for _ in 0..reader.u32()? {
            named.push((reader.text()?.to_vec(), Interpreter::get(reader)?));
        }
        Ok(Self { process, interpreter, named })
    }

    /// The settings as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut Writer(&mut bytes));
        bytes
    }

    /// Parses the settings.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, WHAT);
        let settings = Self::get(&mut reader)?;
        reader.end()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were() {
        let settings = Settings {
            process: Process { process_group: b"site".to_vec(), threads: 15, ..Process::default() },
            interpreter: Interpreter { switch_interval: 0.5, ..Interpreter::default() },
            named: vec![(
                b"shop".to_vec(),
                Interpreter {
                    python_path: vec![b"/a:/b".to_vec(), b"/c".to_vec()],
                    ..Interpreter::default()
                },
            )],
        };
        let bytes = settings.bytes();
        assert_eq!(Settings::parse(&bytes), Ok(settings));
        for end in 0..bytes.len() {
            assert!(Settings::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn each_field_has_a_name_and_a_value_for_python() {
        let process = Process { apache_version: [2, 4, 66], ..Process::default() };
        let fields: Vec<_> = process.fields().collect();
        assert!(fields.contains(&("apache_version", Value::Version([2, 4, 66]))));
        assert!(fields.contains(&("case_sensitive", Value::Flag(true))));
        assert!(fields.contains(&("startup_timeout", Value::Real(60.0))));
    }
}
