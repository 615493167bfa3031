//! Log levels, numbered as syslog and httpd number them (httpd: `LogLevel`).

/// How grave a log line is. The numbers are httpd's `APLOG_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// The server cannot go on.
    Alert = 1,
    /// A part of the server cannot go on.
    Critical = 2,
    /// A request or application failed.
    Error = 3,
    /// Something an administrator should change.
    Warning = 4,
    /// Normal, but worth a line by default.
    Notice = 5,
    /// Life of processes and applications.
    Info = 6,
    /// For finding faults.
    Debug = 7,
    /// One line a request.
    Trace1 = 8,
}
