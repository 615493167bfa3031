//! The package `mod_wsgi` (`engine/python/mod_wsgi`): it is part of the engine, and each interpreter gets it from there.

use super::native::Native;
use crate::python::class;
use crate::python::{Bound, Problem, Py, Result};
use once_cell::sync::OnceCell;
use std::ffi::{CStr, CString};

/// A module: its name below `mod_wsgi`, and its source.
macro_rules! modules {
    ($($name:literal,)*) => {
        [$(Module::new($name, include_str!(concat!("../../python/mod_wsgi/", $name, ".py"))),)*]
    };
}

/// All modules. Behind the first, which loads the others, they stand in the order in which they are run: each imports only
/// those before it. The package itself is run after them, and the last [`LAZY`] when an application uses them.
static MODULES: [Module; 28] = modules![
    "_loader",
    "_levels",
    "_own",
    "_exceptions",
    "_files",
    "_metrics",
    "_streams",
    "_tracebacks",
    "_events",
    "_stand_in",
    "_signals",
    "_exits",
    "_forks",
    "_shared",
    "_prepare",
    "_script",
    "_attempt",
    "_threads",
    "_engine",
    "__init__",
    "_collector",
    "_ending",
    "_imports",
    "_report",
    "_template",
    "_context",
    "_logging",
    "django",
];

/// Modules that most starts do not use.
const LAZY: usize = 8;

/// A module of the package, compiled by the first interpreter for all of them: compiling takes longer than making an
/// interpreter.
pub struct Module {
    name: &'static str,
    text: &'static str,
    marshalled: OnceCell<Vec<u8>>,
}

impl Module {
    const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, marshalled: OnceCell::new() }
    }

    /// The source.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// The compiled source.
    pub fn code<'py>(&self, py: Py<'py>) -> Result<Bound<'py>> {
        let marshal = Bound::import(py, c"marshal")?;
        if let Some(bytes) = self.marshalled.get() {
            return marshal.attr(c"loads")?.call(&[&Bound::bytes(py, bytes)?]);
        }
        // `_loader.py` calls them the same.
        let file = CString::new(format!("<mod_wsgi>/{}.py", self.name)).unwrap_or_default();
        let code = Bound::compile(py, &CString::new(self.text).unwrap_or_default(), &file)?;
        let bytes = marshal.attr(c"dumps")?.call(&[&code])?;
        let _ = self.marshalled.set(bytes.as_bytes().unwrap_or_default().to_vec());
        Ok(code)
    }
}

/// The module of a full name; the package itself is `mod_wsgi`. Raises ImportError if there is none.
pub fn module(py: Py<'_>, name: Option<Bound<'_>>) -> Result<&'static Module> {
    let name = name.map_or_else(|| Ok(String::new()), |name| name.text())?;
    let short = name.strip_prefix("mod_wsgi").map(|rest| rest.strip_prefix('.').unwrap_or("__init__"));
    let found = MODULES.iter().find(|module| Some(module.name) == short);
    found.ok_or_else(|| Problem::Import.raise(py, format_args!("{name} is no module of the engine")))
}

/// Puts the package into an interpreter; answers the module whose functions the engine calls.
pub fn load<'py>(py: Py<'py>) -> Result<Bound<'py>> {
    let [loader, modules @ ..] = &MODULES;
    let (modules, lazy) = modules.split_at(modules.len() - LAZY);
    let eager = &modules[..modules.len() - 1];
    let module = Bound::module(py, LOADER)?;
    module.set_attr(c"native", &class::instance(&class::make::<Native>(py)?, Native)?)?;
    module.run(&loader.code(py)?)?;
    let names = |modules: &[Module]| {
        Bound::list(py, modules.iter().map(|module| Bound::str(py, module.name)).collect::<Result<_>>()?)
    };
    module.attr(c"load")?.call(&[&module, &names(eager)?, &names(lazy)?])
}

/// The name of the module that loads the others.
const LOADER: &CStr = c"mod_wsgi._loader";

#[cfg(test)]
mod tests {
    use super::MODULES;
    use wire::message;

    /// Messages that are logged at the level of what they report.
    const OF_ANY_LEVEL: [&str; 1] = ["WSGI1025"];

    #[test]
    fn numbers_of_messages_are_those_of_the_catalogue() {
        let mut count = 0;
        for module in &MODULES {
            let numbers = module.text.match_indices("WSGI").filter_map(|(at, _)| module.text.get(at..at + 8));
            for number in numbers.filter(|number| number[4..].bytes().all(|byte| byte.is_ascii_digit())) {
                count += 1;
                let known = message::ALL.iter().any(|message| message.to_string() == number);
                assert!(known, "{}.py: {number} is not in the catalogue", module.name);
                // `message` takes the level from there.
                let logged = module.text.contains(&format!("native.message(\"{number}\", "));
                assert!(
                    logged || OF_ANY_LEVEL.contains(&number),
                    "{}.py: {number} is logged with a level",
                    module.name
                );
            }
        }
        assert!(count >= 7, "{count} found");
    }
}
