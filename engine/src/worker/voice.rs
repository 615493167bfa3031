//! What is said to the supervisor, through memory that is shared with it.

use super::system;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use wire::ring::Ring;
use wire::worker::descriptor;

/// How long a message may wait for room.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks whether there is some.
const LOOK: Duration = Duration::from_millis(5);

/// The memory, and the bell by which the supervisor is told to look there.
pub struct Voice {
    ring: &'static Ring,
    bell: OwnedFd,
    _file: Option<OwnedFd>,
    /// Held while a thread writes a message.
    turn: Mutex<()>,
    /// Pid of the process that may write: a forked copy of the application has the memory, too.
    process: u32,
}

impl Voice {
    /// What the supervisor has left here.
    /// `keeps`: the number of the file stays taken.
    pub fn take(keeps: bool) -> io::Result<Self> {
        let file = system::inherited(descriptor::VOICE);
        Ok(Self {
            ring: os::Mapping::<Ring>::new(&file, size_of::<Ring>())?.leak(),
            _file: keeps.then_some(file),
            bell: system::inherited(descriptor::BELL),
            turn: Mutex::new(()),
            process: std::process::id(),
        })
    }

    /// The eventfd that wakes the supervisor.
    pub fn bell(&self) -> &OwnedFd {
        &self.bell
    }

    /// Sends a message to the supervisor; with `wait`, as soon as there is room. False: there was none.
    pub fn say(&self, message: &[u8], wait: bool) -> bool {
        if std::process::id() != self.process {
            return false;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            if self.put(message) {
                os::wake(self.bell.as_raw_fd());
                return true;
            }
            if !wait || Instant::now() >= until {
                return false;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn put(&self, message: &[u8]) -> bool {
        let _turn = os::lock(&self.turn);
        self.ring.put(message)
    }
}
