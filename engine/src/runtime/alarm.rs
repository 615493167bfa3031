//! What wakes the watchdog, and the file that `faulthandler` writes to where the watchdog itself cannot tell.
#![forbid(unsafe_code)]

use once_cell::sync::OnceCell;
use os::{Event, LockFile};

/// The descriptor and the file.
pub struct Alarm {
    /// What the watchdog sleeps on.
    pub wake: Event,
    /// Where `faulthandler` writes.
    pub dump: LockFile,
}

static ALARM: OnceCell<Alarm> = OnceCell::new();

/// Makes the alarm, once: the watchdog starts.
pub fn make() -> std::io::Result<&'static Alarm> {
    let alarm = Alarm { wake: Event::new()?, dump: LockFile::new(c"mod_wsgi stacks")?.appending() };
    Ok(ALARM.get_or_init(|| alarm))
}

/// In a copy of the process: wakes its own watchdog from now on.
pub fn renew() -> std::io::Result<()> {
    let Some(alarm) = ALARM.get() else { return Ok(()) };
    alarm.wake.renew()?;
    alarm.dump.replace(LockFile::new(c"mod_wsgi stacks")?.appending())
}

/// Wakes the watchdog: there is something new to look at.
pub fn ring() {
    if let Some(alarm) = ALARM.get() {
        alarm.wake.wake();
    }
}

/// Descriptor of the file that `faulthandler` is to write to; what it wrote before is gone.
pub fn dump_descriptor() -> i32 {
    ALARM.get().map_or(2, |alarm| {
        alarm.dump.clear();
        alarm.dump.descriptor()
    })
}
