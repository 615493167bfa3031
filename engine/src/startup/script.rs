//! Script files as modules: whether they are fresh, and loading them.

use super::app::{App, Seen, Serving};
use super::record::Cause;
use crate::python::{Bound, Problem, Py, Raised, Result};
use crate::runtime::{Interpreter, Output};
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use wire::scripts::Rules;
use wire::{Message, Stamp, message as msg};

/// Which script, and where it runs.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    /// Absolute path.
    pub path: &'a [u8],
    /// The file that a request for it leads to: the script itself, or what it handles (WSGIHandlerScript).
    pub resource: &'a [u8],
    /// Name of the interpreter.
    pub group: &'a [u8],
    /// A client may have chosen that name.
    pub named_by_client: bool,
    /// Name of the callable.
    pub callable: &'a [u8],
    /// The file as it was seen.
    pub stamp: Stamp,
    /// A script that has changed is loaded again.
    pub reload: bool,
}

/// A file as it is now.
pub fn stamp(path: &[u8]) -> Stamp {
    std::fs::metadata(OsStr::from_bytes(path)).map_or(Stamp::UNKNOWN, |data| (&data).into())
}

impl Interpreter {
    /// The module of an application; with `any`, whatever is there will do. The error is what is there and too old, for
    /// [`super::start()`].
    pub fn module<'py>(
        &self,
        py: Py<'py>,
        serving: &Serving,
        script: &Script<'_>,
        any: bool,
    ) -> std::result::Result<Bound<'py>, Seen> {
        let module = serving.module(py).ok_or(serving.seen)?;
        let fresh = any
            || !script.reload
            || (self.is_of(serving, &module, script) && !self.wants_reload(py, &module, script.resource));
        if fresh { Ok(module) } else { Err(serving.seen) }
    }

    /// The module was made of the script as it is. A request may have waited since httpd looked at the file: then it is
    /// looked at once more.
    fn is_of(&self, serving: &Serving, module: &Bound<'_>, script: &Script<'_>) -> bool {
        let is_of =
            |seen: Stamp| seen.is_known() && serving.stamp == seen && is_unchanged(module, seen.modified);
        is_of(script.stamp) || is_of(stamp(script.path))
    }

    /// `reload_required(path)` of the script, if it defines one. An exception in it is logged and means no.
    fn wants_reload(&self, py: Py<'_>, module: &Bound<'_>, path: &[u8]) -> bool {
        let ask = || -> Result<bool> {
            let Some(function) = module.module_dict()?.dict_get(&Bound::interned(py, b"reload_required")?)?
            else {
                return Ok(false);
            };
            function.call(&[&Bound::path(py, path)?])?.is_true()
        };
        ask().unwrap_or_else(|raised| {
            let output = Output::current();
            let path = wire::shown(path);
            self.log_exception(
                py,
                raised,
                output.as_deref(),
                msg::SCRIPT_RAISED,
                format_args!("reload_required() of '{path}' raised an exception"),
            );
            false
        })
    }

    /// The callable of a script's module; `None` when it has none of that name.
    pub fn callable<'py>(&self, py: Py<'py>, module: &Bound<'py>, name: &[u8]) -> Result<Option<Bound<'py>>> {
        let name = Bound::interned(py, name)?;
        match module.module_dict()?.dict_get(&name)? {
            Some(callable) => Ok(Some(callable)),
            // A module may have a __getattr__.
            None => match module.attr_obj(&name) {
                Ok(callable) => Ok(Some(callable)),
                Err(raised) if raised.is_attribute_error(py) => {
                    raised.forget(py);
                    Ok(None)
                }
                Err(raised) => Err(raised),
            },
        }
    }

    /// Runs a script, or what starts a Django project, as a module of its own. The error says which message it is.
    pub(super) fn load_script<'py>(
        &self,
        py: Py<'py>,
        app: &App,
        rules: Rules<'_>,
        modified: i64,
    ) -> std::result::Result<Bound<'py>, (Message, Raised)> {
        let script = match &app.plan.django {
            None if !rules.are_none() => Some(open(py, &app.path, rules)?),
            _ => None,
        };
        let compile = || -> Result<Bound<'py>> {
            let path = Bound::path(py, &app.path)?;
            match &app.plan.django {
                None => {
                    let opened = match &script {
                        None => Bound::none(py),
                        Some(file) => Bound::int(py, file.as_raw_fd().into())?,
                    };
                    self.ask(py, c"compile_script", &[&path, &opened])
                }
                Some(django) => Bound::tuple(
                    py,
                    &[
                        &Bound::path(py, &django.project)?,
                        &Bound::latin1(py, &django.url)?,
                        &Bound::latin1(py, &django.settings)?,
                        &Bound::latin1(py, &django.checks)?,
                        &Bound::bool(py, django.finders),
                    ],
                ),
            }
        };
        let code = compile().map_err(|raised| (msg::SCRIPT_UNREADABLE, raised))?;
        drop(script);
        let execute = || {
            let name = format!("_mod_wsgi_{:x}", md5::compute(&app.name));
            let (path, name) = (Bound::path(py, &app.path)?, Bound::str(py, &name)?);
            self.ask(py, c"execute_script", &[&code, &path, &name, &Bound::int(py, modified)?])
        };
        execute().map_err(|raised| {
            (if raised.is_system_exit(py) { msg::SCRIPT_EXITED } else { msg::SCRIPT_RAISED }, raised)
        })
    }

    /// Prepares an attempt to start something here: the answer is what [`Interpreter::roll_back`] goes back to.
    pub(super) fn begin_attempt<'py>(&self, py: Py<'py>) -> Result<Bound<'py>> {
        self.ask(py, c"begin_attempt", &[])
    }

    /// The attempt has ended.
    pub(super) fn end_attempt(&self, py: Py<'_>, before: &Bound<'_>) {
        self.ask(py, c"end_attempt", &[before]).map(drop).unwrap_or_else(|raised| raised.forget(py));
    }

    /// Files that the application is made of, as far as they are loaded: neither Python's own nor installed ones.
    pub fn own_files(&self, py: Py<'_>, path: &[u8]) -> Vec<String> {
        let read =
            || -> Result<Vec<String>> { texts(&self.ask(py, c"own_files", &[&Bound::path(py, path)?])?) };
        read().unwrap_or_else(|raised| {
            raised.forget(py);
            vec![wire::shown(path).into_owned()]
        })
    }

    /// The reason for a failed attempt, and the files whose change may fix it.
    pub(super) fn examine(&self, py: Py<'_>, path: &[u8], exception: &Bound<'_>) -> (Cause, Vec<String>) {
        let read = || -> Result<(Cause, Vec<String>)> {
            let found = self.ask(py, c"examine", &[&Bound::path(py, path)?, exception])?;
            let mut names = texts(&found.item(0)?)?.into_iter();
            let mut next = || names.next().unwrap_or_default();
            let (lines, places) = (texts(&found.item(1)?)?, texts(&found.item(2)?)?);
            Ok((Cause::raised(next(), next(), lines, &places), texts(&found.item(3)?)?))
        };
        read().unwrap_or_else(|raised| {
            // Nothing can be imported, or memory is out: Python prints what it can itself.
            raised.forget(py);
            let class = exception.type_name();
            exception.raise().print(py);
            let text = "its traceback is above".to_owned();
            (Cause { class, text, ..Cause::default() }, vec![wire::shown(path).into_owned()])
        })
    }

    /// Extension modules that are not Python's own are loaded here: some of those allow one interpreter in a process.
    pub(super) fn has_extensions(&self, py: Py<'_>) -> bool {
        self.ask(py, c"has_extensions", &[]).and_then(|answer| answer.is_true()).unwrap_or_else(|raised| {
            raised.forget(py);
            true
        })
    }

    /// Forgets what the attempt imported, but for what cannot be imported twice. `alone`: nobody else imports here.
    pub(super) fn roll_back(&self, py: Py<'_>, before: &Bound<'_>, alone: bool) {
        self.ask(py, c"roll_back", &[before, &Bound::bool(py, alone)])
            .map(drop)
            .unwrap_or_else(|raised| raised.print(py));
    }
}

/// Opens a script, if it is one that the group may run. The error says which rule it breaks.
fn open(py: Py<'_>, path: &[u8], rules: Rules<'_>) -> std::result::Result<File, (Message, Raised)> {
    let path = Path::new(OsStr::from_bytes(path));
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (data, file) = opened.map_err(|error| {
        (msg::SCRIPT_UNREADABLE, Problem::Os.raise(py, format_args!("{error}: '{}'", path.display())))
    })?;
    match rules.complaint(path, Some(&data)) {
        None => Ok(file),
        Some((message, why)) => Err((message, Problem::Os.raise(py, why))),
    }
}

/// A list of `str`.
pub(super) fn texts(list: &Bound<'_>) -> Result<Vec<String>> {
    (0..list.count()).map(|at| Ok(wire::shown(&list.item(at)?.lossy()).into_owned())).collect()
}

/// The module was made of the file as it is.
fn is_unchanged(module: &Bound<'_>, modified: i64) -> bool {
    let py = module.py();
    let recorded = || -> Result<Option<i64>> {
        match module.module_dict()?.dict_get(&Bound::interned(py, b"__mtime__")?)? {
            Some(time) => time.as_int().map(Some),
            None => Ok(None),
        }
    };
    let recorded = recorded().unwrap_or_else(|raised| {
        raised.forget(py);
        None
    });
    recorded == Some(modified)
}
