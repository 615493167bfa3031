//! Places in code.

use crate::python::Bound;
use wire::json::Value;

/// What the names of the engine's own files begin with (`_tracebacks.py`).
const OURS: &str = "<mod_wsgi";
/// A text of the application's is cut there, characters.
const LONGEST: usize = 400;

/// A place in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    function: String,
    file: String,
    line: u32,
}

impl Place {
    /// Where an interpreter's code begins.
    pub fn root(interpreter: &[u8]) -> Self {
        let function = match interpreter {
            b"" => "main interpreter".into(),
            name => format!("sub-interpreter {}", wire::shown(name)),
        };
        Self { function, file: String::new(), line: 0 }
    }

    /// A line of this code; `None`: it is the engine's.
    pub fn of(code: &Bound<'_>, line: Option<u32>) -> Option<Self> {
        let text = |name| match code.attr(name) {
            Ok(text) => wire::shown(&text.lossy()).chars().take(LONGEST).collect(),
            Err(raised) => {
                raised.forget(code.py());
                String::from("?")
            }
        };
        let file = text(c"co_filename");
        if file.starts_with(OURS) {
            return None;
        }
        let first = || match code.attr(c"co_firstlineno").and_then(|number| number.as_int()) {
            Ok(number) => u32::try_from(number).unwrap_or(0),
            Err(raised) => {
                raised.forget(code.py());
                0
            }
        };
        Some(Self { function: text(c"co_qualname"), file, line: line.unwrap_or_else(first) })
    }

    /// A line of a function in a file, which may be anything; `None`: it is the engine's.
    pub fn new(function: &str, file: &str, line: u32) -> Option<Self> {
        let cut = |text: &str| text.chars().take(LONGEST).collect();
        (!file.starts_with(OURS)).then(|| Self { function: cut(function), file: cut(file), line })
    }

    /// The program with which a process was started, in which python-main waits.
    pub fn is_bootstrap(&self) -> bool {
        self.function == "<module>" && self.file == "<string>"
    }

    /// How long its texts are in an answer, bytes.
    pub fn size(&self) -> usize {
        let size = |text: &str| Value::Text(text.to_owned()).to_string().len();
        size(&self.function) + size(&self.file)
    }

    /// For an answer.
    pub fn value(&self) -> Value {
        Value::Object(vec![
            ("function", Value::Text(self.function.clone())),
            ("file", Value::Text(self.file.clone())),
            ("line", Value::Number(self.line.into())),
        ])
    }
}
