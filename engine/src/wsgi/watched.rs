//! Who subscribed to events of requests, and what is known of a request because of them.

use crate::python::{Bound, Owned, Py, Result};
use crate::requests::Tally;
use os::Usage;
use std::sync::Arc;

/// Who subscribed in an interpreter, and how they are called.
pub struct Subscribers {
    /// `mod_wsgi.event_callbacks`
    callbacks: Owned,
    publish: Owned,
}

impl Subscribers {
    /// Of the interpreter of this `mod_wsgi._engine`.
    pub fn of(support: &Bound<'_>) -> Result<Self> {
        let attr = |name| support.attr(name).map(Bound::keep);
        Ok(Self { callbacks: attr(c"event_callbacks")?, publish: attr(c"publish")? })
    }

    /// Somebody has subscribed.
    pub fn any(&self, py: Py<'_>) -> bool {
        self.callbacks.get(py).count() > 0
    }

    /// Calls them. What they raise is logged; only what interrupts the request is raised again.
    pub fn publish(&self, py: Py<'_>, name: &str, event: &Bound<'_>) -> Result<()> {
        self.publish.get(py).call(&[&Bound::str(py, name)?, event]).map(drop)
    }
}

/// A request whose events are published.
pub struct Watched {
    /// Those to whom they are.
    pub subscribers: Arc<Subscribers>,
    /// What the first event said.
    pub first: Owned,
    /// `application_start`
    pub started: f64,
    /// What the thread had used at that moment.
    pub cpu: Usage,
    /// What it does from then on.
    pub counts: Arc<Tally>,
}
