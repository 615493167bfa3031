//! How many requests a process serves at a time, in words for the log.

use crate::config::daemon::Concurrency;
use std::fmt;

/// `threads=`, and how many of them serve at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// `threads=`; 0: a service.
    pub threads: u32,
    /// `concurrency=`
    pub concurrency: Concurrency,
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.threads, self.concurrency) {
            (0, _) => Ok(()),
            (1, _) => write!(f, ", one request at a time"),
            (threads, Concurrency::Off) => write!(f, ", up to {threads} requests at a time"),
            (threads, Concurrency::Number(most)) if most >= threads => {
                write!(f, ", up to {threads} requests at a time")
            }
            (threads, Concurrency::Number(most)) => {
                write!(f, ", up to {most} of {threads} requests at a time (concurrency)")
            }
            (threads, Concurrency::Auto | Concurrency::Spread) => {
                write!(f, ", up to {threads} requests at a time: as many as gain by it (concurrency)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_holds() {
        for (threads, concurrency, text) in [
            (0, Concurrency::Auto, ""),
            (1, Concurrency::Auto, ", one request at a time"),
            (15, Concurrency::Off, ", up to 15 requests at a time"),
            (15, Concurrency::Number(15), ", up to 15 requests at a time"),
            (15, Concurrency::Number(1), ", up to 1 of 15 requests at a time (concurrency)"),
            (15, Concurrency::Auto, ", up to 15 requests at a time: as many as gain by it (concurrency)"),
        ] {
            assert_eq!(Capacity { threads, concurrency }.to_string(), text);
        }
    }
}
