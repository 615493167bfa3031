//! Values of options: numbers as a whole, users and groups that are there.

use super::super::dir::flag;
use super::super::table::Httpd;
use super::group::{Concurrency, Reload, Spawn};
use super::processes::Processes;
use crate::apache::users::Account;
use std::ops::RangeInclusive;

/// What stands behind the `=`.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    /// The value, unquoted.
    pub text: &'a [u8],
    /// What only httpd and the system can do.
    pub httpd: &'a dyn Httpd,
}

/// Why a value is refused.
#[derive(Debug)]
pub enum Wrong {
    /// The option does not accept the value; the text says what it must be.
    Value(String),
    /// The whole complaint.
    Whole(String),
}

fn must<T>(rule: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Value(rule.into()))
}

/// Most that C's int holds, in which the system takes most of these numbers.
const MOST: u32 = i32::MAX as u32;
/// In less memory no Python starts.
const LEAST_MEMORY: u64 = 16 << 20;
/// The number that means "none" to the system.
const NO_ID: u32 = u32::MAX;
/// The maximum number of groups of Linux (setgroups(2)).
const MOST_GROUPS: usize = 65_536;

impl Value<'_> {
    /// The digits of a number, and nothing else: no sign, no blank, no unit.
    fn digits<T: std::str::FromStr>(&self) -> Option<T> {
        let text = std::str::from_utf8(self.text).ok()?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    }

    /// A whole number.
    pub fn number(self, allowed: RangeInclusive<u32>) -> Result<u32, Wrong> {
        match self.digits() {
            Some(number) if allowed.contains(&number) => Ok(number),
            _ => must(format!("must be a whole number from {} to {}", allowed.start(), allowed.end())),
        }
    }

    /// A time in whole seconds.
    pub fn seconds(self) -> Result<u32, Wrong> {
        match self.digits() {
            Some(number) if number <= MOST => Ok(number),
            _ => must(format!("must be a number of seconds without decimals, from 0 to {MOST}")),
        }
    }

    /// A number without an end.
    pub fn large(self, least: u64, of: &str) -> Result<u64, Wrong> {
        match self.digits() {
            Some(number) if (least..=i64::MAX as u64).contains(&number) => Ok(number),
            _ => must(format!("must be a whole number of {of}, at least {least}")),
        }
    }

    /// A limit of memory in bytes, or 0: in less no Python starts, so a process would end at each start.
    pub fn memory(self) -> Result<u64, Wrong> {
        match self.digits() {
            Some(bytes) if bytes == 0 || (LEAST_MEMORY..=i64::MAX as u64).contains(&bytes) => Ok(bytes),
            _ => must(format!(
                "must be 0, or a whole number of bytes, at least {LEAST_MEMORY}: no Python starts in less"
            )),
        }
    }

    /// The same, in bytes or with a unit: 512M.
    pub fn sized_memory(self) -> Result<u64, Wrong> {
        const UNITS: [(u8, u32); 6] =
            [(b'K', 10), (b'k', 10), (b'M', 20), (b'm', 20), (b'G', 30), (b'g', 30)];
        let unit = self.text.split_last().and_then(|(last, rest)| {
            UNITS.iter().find(|(letter, _)| letter == last).map(|(_, shift)| (rest, *shift))
        });
        let (text, shift) = unit.unwrap_or((self.text, 0));
        let bytes = Value { text, ..self }.digits::<u64>().and_then(|number| number.checked_mul(1 << shift));
        match bytes {
            Some(bytes) if bytes == 0 || (LEAST_MEMORY..=i64::MAX as u64).contains(&bytes) => Ok(bytes),
            _ => must(format!(
                "must be 0, or a size such as 512M, 2G or a whole number of bytes, at least {LEAST_MEMORY} (16M): no Python \
                 starts in less"
            )),
        }
    }

    /// How many processes a group has.
    pub fn processes(self) -> Result<Processes, Wrong> {
        // Looks at affinity and at the quotas of control groups, of either version.
        let processors = || {
            std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
        };
        Processes::parse(self.text, processors).map_err(Wrong::Value)
    }

    /// Bytes, or 0; `complaint` is mod_wsgi's when there are too few.
    pub fn buffer(self, least: u32, complaint: &str) -> Result<u32, Wrong> {
        let rule = format!("must be 0, or a whole number of bytes from {least} to {MOST}");
        match self.digits() {
            Some(number) if number == 0 || (least..=MOST).contains(&number) => Ok(number),
            Some(number) if number < least => {
                Err(Wrong::Whole(format!("{complaint} The value {number} is too small")))
            }
            _ => must(rule),
        }
    }

    /// A number with a sign or without.
    pub fn signed(self) -> Result<i32, Wrong> {
        let number = std::str::from_utf8(self.text).ok().and_then(|text| text.parse().ok());
        number.map_or_else(|| must("must be a whole number, such as 10 or -5"), Ok)
    }

    /// A time in seconds, with decimals.
    pub fn fraction(self, valid: impl Fn(f64) -> bool, rule: &str) -> Result<f64, Wrong> {
        let number = std::str::from_utf8(self.text).ok().and_then(|text| text.parse().ok());
        number.filter(|number: &f64| number.is_finite() && valid(*number)).map_or_else(|| must(rule), Ok)
    }

    /// Permissions, in base 8.
    pub fn octal(self) -> Result<u32, Wrong> {
        let text = std::str::from_utf8(self.text).unwrap_or_default();
        match u32::from_str_radix(text, 8) {
            Ok(mask) if mask <= 0o777 && !text.starts_with('+') => Ok(mask),
            _ => must("must be an octal number from 0 to 777, such as 0027"),
        }
    }

    /// On or Off.
    pub fn flag(self) -> Result<bool, Wrong> {
        flag(self.text).map_or_else(|| must("must be one of: Off | On"), Ok)
    }

    /// Any text; nothing is the same as leaving the option out.
    pub fn text(self) -> Result<Option<Vec<u8>>, Wrong> {
        Ok((!self.text.is_empty()).then(|| self.text.to_vec()))
    }

    /// A path, below ServerRoot if it is relative.
    pub fn path(self) -> Result<Option<Vec<u8>>, Wrong> {
        let path = self.text()?;
        Ok(path.map(|path| self.httpd.absolute(&path).unwrap_or(path)))
    }

    /// An absolute path.
    pub fn absolute(self) -> Result<Option<Vec<u8>>, Wrong> {
        if self.text.starts_with(b"/") {
            self.text()
        } else {
            must("must be an absolute path, beginning with /")
        }
    }

    /// A directory that processes cannot leave.
    pub fn chroot(self) -> Result<Option<Vec<u8>>, Wrong> {
        if !self.httpd.is_root() {
            return Err(Wrong::Whole("Cannot chroot WSGI daemon process when not root.".into()));
        }
        self.absolute()
    }

    /// How many requests run at the same time.
    pub fn concurrency(self) -> Result<Concurrency, Wrong> {
        Concurrency::parse(self.text).map_or_else(|| must(Concurrency::WORDS), Ok)
    }

    /// What a change of replaces the processes.
    pub fn reload(self) -> Result<Reload, Wrong> {
        match self.text.to_ascii_lowercase().as_slice() {
            b"script" => Ok(Reload::Script),
            b"imports" => Ok(Reload::Imports),
            b"off" => Ok(Reload::Off),
            _ => must("must be one of: script | imports | off"),
        }
    }

    /// Where processes come from.
    pub fn spawn(self) -> Result<Spawn, Wrong> {
        match self.text.to_ascii_lowercase().as_slice() {
            b"exec" => Ok(Spawn::Exec),
            b"fork" => Ok(Spawn::Fork),
            _ => must("must be one of: exec | fork"),
        }
    }

    /// The user that processes run as.
    pub fn user(self) -> Result<Account, Wrong> {
        let root = || Err(Wrong::Whole("WSGI process blocked from running as root.".into()));
        let account = match self.numbered()? {
            Some(0) => return root(),
            Some(uid) => self.httpd.user_numbered(uid).ok_or_else(|| {
                Wrong::Whole(format!(
                    "Couldn't determine user name from uid. There is no user with the number {uid}: name a user that exists"
                ))
            })?,
            None => self.httpd.user(self.text).map_or_else(|| self.nobody("user"), Ok)?,
        };
        // Root may have further names.
        if account.uid == 0 { root() } else { Ok(account) }
    }

    /// Number of a user.
    pub fn uid(self) -> Result<u32, Wrong> {
        match self.numbered()? {
            Some(uid) => Ok(uid),
            None => self.httpd.user(self.text).map_or_else(|| self.nobody("user"), |user| Ok(user.uid)),
        }
    }

    /// Number of a group.
    pub fn gid(self) -> Result<u32, Wrong> {
        match self.numbered()? {
            Some(gid) => Ok(gid),
            None => self.httpd.group(self.text).map_or_else(|| self.nobody("group"), Ok),
        }
    }

    /// Numbers of groups, joined by commas. Nothing: no groups.
    pub fn gids(self) -> Result<Vec<u32>, Wrong> {
        let names = self.text.split(|byte| *byte == b',').filter(|_| !self.text.is_empty());
        let gids = names.map(|text| Value { text, ..self }.gid()).collect::<Result<Vec<_>, _>>()?;
        if gids.len() > MOST_GROUPS {
            let complaint = format!(
                "Too many supplementary groups WSGI daemon process. {} are given; the system allows {MOST_GROUPS}",
                gids.len()
            );
            return Err(Wrong::Whole(complaint));
        }
        Ok(gids)
    }

    /// The number behind a `#`; `None`: it is a name.
    fn numbered(self) -> Result<Option<u32>, Wrong> {
        let Some(text) = self.text.strip_prefix(b"#") else {
            let empty = self.text.is_empty();
            return if empty { must("must be a name, or # and a number") } else { Ok(None) };
        };
        match (Value { text, ..self }.digits()) {
            Some(id) if id != NO_ID => Ok(Some(id)),
            _ => must("must be a name, or # and a number"),
        }
    }

    fn nobody<T>(self, kind: &str) -> Result<T, Wrong> {
        let name = wire::shown(self.text);
        must(format!("names an unknown {kind}: this system has no {kind} '{name}'"))
    }
}
