//! What the command says when it cannot do what it was asked.

use std::fmt;

/// One sentence that says what is wrong and what to do, and the status that the command ends with.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    text: String,
    status: u8,
}

impl Failure {
    /// The system, Apache or the application is not as it must be: status 1.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), status: 1 }
    }

    /// The command line is wrong: status 2, as other commands have it.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), status: 2 }
    }

    /// What the command ends with.
    pub fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What went wrong with a file or a directory, behind words for what was to be done with it.
pub fn of_file<'a>(what: &'a str, file: &'a std::path::Path) -> impl FnOnce(std::io::Error) -> Failure + 'a {
    move |error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "; run this as a user who may, or name another place (--server-root DIR)"
            }
            std::io::ErrorKind::NotFound => "; create what is missing on the way to it",
            std::io::ErrorKind::StorageFull => "; make room there",
            std::io::ErrorKind::ReadOnlyFilesystem => {
                "; name a place that can be written (--server-root DIR, a volume or a tmpfs)"
            }
            _ => "; correct the path",
        };
        Failure::new(format!("cannot {what} {}: {error}{remedy}", file.display()))
    }
}
