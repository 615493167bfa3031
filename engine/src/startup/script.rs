//! Script files as modules: which are loaded, whether they are fresh, and loading them.

use super::Space;
use crate::host;
use crate::python::{Kept, Obj, Py, Raised, Result};
use crate::wsgi::Call;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Instant;
use wire::message as msg;

/// Which script, and where it runs.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    /// Absolute path.
    pub path: &'a [u8],
    /// Name of the interpreter.
    pub group: &'a [u8],
    /// Name of the callable.
    pub callable: &'a [u8],
    /// Modification time of the file in microseconds since the epoch; negative when it is not known.
    pub modified: i64,
    /// A script that has changed is loaded again.
    pub reload: bool,
}

/// The modules of an interpreter's scripts, by path.
pub type Scripts = FxHashMap<Box<[u8]>, Kept>;

/// The module that a request found: its identity, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(usize);

impl Seen {
    /// There was no module.
    pub const NOTHING: Self = Self(0);
}

/// A script could not be loaded; the log says why.
#[derive(Debug)]
pub struct Failed;

impl Space {
    /// What a script is known by: its path, in lower case where case does not count.
    fn key<'a>(&self, path: &'a [u8]) -> Cow<'a, [u8]> {
        if self.case_sensitive { Cow::Borrowed(path) } else { Cow::Owned(path.to_ascii_lowercase()) }
    }

    fn loaded(&self, py: Py<'_>, path: &[u8]) -> Seen {
        Seen(self.scripts.borrow(py).get(&*self.key(path)).map_or(0, Kept::address))
    }

    /// The module of a script; with `any`, whatever is there will do. The error is what is there and too old, for
    /// [`super::load`].
    pub fn module<'py>(
        &self,
        py: Py<'py>,
        script: &Script<'_>,
        any: bool,
    ) -> std::result::Result<Obj<'py>, Seen> {
        let kept = self.scripts.borrow(py).get(&*self.key(script.path)).map(|module| module.get(py).clone());
        let module = kept.ok_or(Seen::NOTHING)?;
        let fresh = any
            || !script.reload
            || (is_unchanged(&module, script.modified) && !self.wants_reload(py, &module, script.path));
        if fresh { Ok(module) } else { Err(Seen(module.address())) }
    }

    /// `reload_required(path)` of the script, if it defines one. An exception in it is logged and means no.
    fn wants_reload(&self, py: Py<'_>, module: &Obj<'_>, path: &[u8]) -> bool {
        let ask = || -> Result<bool> {
            let Some(function) = module.module_dict()?.dict_get(&Obj::interned(py, b"reload_required")?)?
            else {
                return Ok(false);
            };
            function.call(&[&Obj::path(py, path)?])?.is_true()
        };
        ask().unwrap_or_else(|raised| {
            let call = Call::current();
            let path = String::from_utf8_lossy(path);
            self.log_exception(
                py,
                raised,
                call.as_ref(),
                msg::SCRIPT_RAISED,
                format_args!("reload_required() of '{path}' raised an exception"),
            );
            false
        })
    }

    /// The callable of a script's module; `None` when it has none of that name.
    pub fn callable<'py>(&self, py: Py<'py>, module: &Obj<'py>, name: &[u8]) -> Result<Option<Obj<'py>>> {
        let name = Obj::interned(py, name)?;
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

    /// Loads a script unless another thread's request had it loaded meanwhile: `seen` is what whoever asks found too old. On python-main, not attached.
    pub(super) fn load(
        &self,
        path: &[u8],
        seen: Seen,
        call: Option<&Arc<Call>>,
    ) -> std::result::Result<(), Failed> {
        Call::current_while(call.cloned(), || {
            self.attach(|py| {
                let there = self.loaded(py, path);
                if there != seen {
                    return Ok(());
                }
                let begun = Instant::now();
                let result = self.load_now(py, path, call);
                if let Some(call) = call {
                    call.flush_streams(py);
                }
                if result.is_ok() {
                    let (path, ms) = (String::from_utf8_lossy(path), begun.elapsed().as_millis());
                    let text = format!("loaded '{path}' into {} in {ms} ms", self.context());
                    match call {
                        Some(call) => call.message(msg::SCRIPT_LOADED, text),
                        None => host::message(msg::SCRIPT_LOADED, text),
                    }
                }
                result
            })
        })
    }

    fn load_now(&self, py: Py<'_>, path: &[u8], call: Option<&Arc<Call>>) -> std::result::Result<(), Failed> {
        let shown = String::from_utf8_lossy(path);
        let preload = call.is_none();
        let pick = |request, at_start| if preload { at_start } else { request };
        // The time is read before the source: a change in between is noticed by the next request.
        let modified = std::fs::metadata(OsStr::from_bytes(path))
            .map_or(-1, |data| data.mtime() * 1_000_000 + data.mtime_nsec() / 1000);
        let text = Obj::path(py, path);
        let code = match text.and_then(|text| self.compile_script(&text)) {
            Ok(code) => code,
            Err(raised) => {
                let number = pick(msg::SCRIPT_UNREADABLE, msg::PRELOAD_UNREADABLE);
                let what =
                    format!("WSGI script '{shown}' could not be read or compiled for {}", self.context());
                self.log_exception(py, raised, call, number, what);
                return Err(Failed);
            }
        };
        // Two statements: releasing may run Python code, and nothing may be borrowed then.
        let old = self.scripts.borrow(py).remove(&*self.key(path));
        if let Some(old) = old {
            old.release(py);
        }
        match self.execute(py, &code, path, modified) {
            Ok(module) => {
                self.scripts.borrow(py).insert(self.key(path).into(), module.keep());
                Ok(())
            }
            Err(raised) => {
                let exited = raised.is_system_exit(py);
                let number = if exited {
                    pick(msg::SCRIPT_EXITED, msg::PRELOAD_EXITED)
                } else {
                    pick(msg::SCRIPT_RAISED, msg::PRELOAD_RAISED)
                };
                let what = format!(
                    "WSGI script '{shown}' raised {} while it was loaded into {}",
                    raised.class_name(py),
                    self.context()
                );
                self.log_exception(py, raised, call, number, what);
                Err(Failed)
            }
        }
    }

    fn execute<'py>(
        &self,
        py: Py<'py>,
        code: &Obj<'py>,
        path: &[u8],
        modified: i64,
    ) -> std::result::Result<Obj<'py>, Raised> {
        let name = format!("_mod_wsgi_{:x}", md5::compute(self.key(path)));
        self.execute_script(&[code, &Obj::path(py, path)?, &Obj::str(py, &name)?, &Obj::int(py, modified)?])
    }
}

/// The module was made of the file as it is.
fn is_unchanged(module: &Obj<'_>, modified: i64) -> bool {
    let py = module.py();
    let recorded = || -> Result<Option<i64>> {
        match module.module_dict()?.dict_get(&Obj::interned(py, b"__mtime__")?)? {
            Some(time) => time.as_int().map(Some),
            None => Ok(None),
        }
    };
    modified >= 0
        && recorded().unwrap_or_else(|raised| {
            raised.forget(py);
            None
        }) == Some(modified)
}
