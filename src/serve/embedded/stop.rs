//! The end of a child: Python goes first, within a deadline.

use super::{engine, os};
use crate::apache::{AtEnd, hook};
use std::sync::Once;
use std::time::Duration;

/// Time for the end of Python. httpd kills a child that has not ended about 9 s after it was told to.
const DEADLINE: Duration = Duration::from_millis(7000);

/// The child-stopping hook. It runs before the request threads have ended: when those are to end at once, so is Python;
/// in a graceful end they keep serving, and [`AtPoolEnd`] has its turn when they are done.
pub struct Stop;

impl hook::ChildStop for Stop {
    fn run(graceful: bool) {
        if !graceful {
            end();
        }
    }
}

/// The end of the child's pool, which comes after that of its threads.
pub struct AtPoolEnd;

impl AtEnd for AtPoolEnd {
    fn run() {
        end();
    }
}

/// Ends Python, once; whoever comes second waits until that is done.
pub fn end() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(engine) = engine::get() else { return };
        let ended = (engine.stop)(DEADLINE.as_millis() as u32);
        if ended.running > 0 {
            // Their threads wait for Python for ever now, and httpd would wait for them until it is killed. It is not
            // the pool's cleanup that comes here: that runs when no request is left.
            ::os::end(0);
        }
        if !ended.quiet {
            os::skip_exit_handlers();
        }
    });
}
