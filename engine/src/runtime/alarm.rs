//! What wakes the watchdog.
#![forbid(unsafe_code)]

use once_cell::sync::OnceCell;
use os::Event;

/// What the watchdog sleeps on.
pub struct Alarm {
    /// Wakes it.
    pub wake: Event,
}

static ALARM: OnceCell<Alarm> = OnceCell::new();

/// Makes the alarm, once: the watchdog starts.
pub fn make() -> std::io::Result<&'static Alarm> {
    let alarm = Alarm { wake: Event::new()? };
    Ok(ALARM.get_or_init(|| alarm))
}

/// In a copy of the process: wakes its own watchdog from now on.
pub fn renew() -> std::io::Result<()> {
    ALARM.get().map_or(Ok(()), |alarm| alarm.wake.renew())
}

/// Wakes the watchdog: there is something new to look at.
pub fn ring() {
    if let Some(alarm) = ALARM.get() {
        alarm.wake.wake();
    }
}
