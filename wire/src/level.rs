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

impl Level {
    /// The level of a number that another process sent, whatever it is: the nearest.
    pub fn of(number: u8) -> Self {
        match number {
            0 | 1 => Self::Alert,
            2 => Self::Critical,
            3 => Self::Error,
            4 => Self::Warning,
            5 => Self::Notice,
            6 => Self::Info,
            7 => Self::Debug,
            _ => Self::Trace1,
        }
    }

    /// What LogLevel and httpd's lines call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Critical => "crit",
            Self::Error => "error",
            Self::Warning => "warn",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace1 => "trace1",
        }
    }

    /// The most verbose level that `logs` says is written; where it is not even asked for errors, critical.
    pub fn most_verbose(logs: impl Fn(Self) -> bool) -> Self {
        let levels = [Self::Error, Self::Warning, Self::Notice, Self::Info, Self::Debug, Self::Trace1];
        levels.into_iter().take_while(|level| logs(*level)).last().unwrap_or(Self::Critical)
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn numbers_are_those_of_the_levels() {
        for level in [Level::Alert, Level::Critical, Level::Error, Level::Notice, Level::Debug, Level::Trace1]
        {
            assert_eq!(Level::of(level as u8), level);
        }
        assert_eq!((Level::of(0), Level::of(255)), (Level::Alert, Level::Trace1));
    }

    #[test]
    fn levels_are_written_up_to_one() {
        assert_eq!(Level::most_verbose(|level| level <= Level::Notice), Level::Notice);
        assert_eq!(Level::most_verbose(|_| true), Level::Trace1);
        assert_eq!(Level::most_verbose(|_| false), Level::Critical);
    }
}
