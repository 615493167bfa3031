//! Where WSGI is plugged into the start of applications.

use super::{objects, warm};
use crate::metrics;
use crate::python::Py;
use crate::runtime::Settings;
use crate::startup::{self, Protocol};
use crate::watchdog;

/// The protocol of this process's applications.
static WSGI: Protocol = Protocol { fit: objects::fit, warm_up: warm::warm_up };

/// Serves WSGI applications in this process, until it ends: as [`startup::run`], with the watchdog.
pub fn start(py: Py<'_>, settings: Settings, ready: impl FnOnce() + Send) -> Result<(), String> {
    let process = &settings.process;
    metrics::configure(metrics::Facts {
        daemon: process.daemon,
        threads: usize::try_from(process.threads).unwrap_or(0),
        server: process.server_metrics,
        begun: process.begun,
    });
    startup::run(py, settings, &WSGI, || {
        watchdog::start()?;
        ready();
        Ok(())
    })
}
