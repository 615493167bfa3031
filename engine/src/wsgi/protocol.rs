//! Where WSGI is plugged into the start of applications.

use super::{objects, warm};
use crate::python::Py;
use crate::runtime::Settings;
use crate::startup::{self, Protocol};
use crate::watchdog;

/// The protocol of this process's applications.
static WSGI: Protocol = Protocol { fit: objects::fit, warm_up: warm::warm_up };

/// Serves WSGI applications in this process, until it ends: as [`startup::run`], with the watchdog.
pub fn start(py: Py<'_>, settings: Settings, ready: impl FnOnce() + Send) -> Result<(), String> {
    startup::run(py, settings, &WSGI, || {
        watchdog::start()?;
        ready();
        Ok(())
    })
}
