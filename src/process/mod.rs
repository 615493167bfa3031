//! What this process is and knows: httpd's parent, one of its children, or a supervisor.
#![deny(unsafe_code)]

mod image;
pub mod threads;

pub use image::{engine_file, leave_terminal, stay_loaded};

use crate::apache::Server;
use crate::config::{ServerConfig, ServerExt};
use once_cell::sync::OnceCell;
use std::collections::HashMap;
use std::os::unix::ffi::OsStringExt;

static MAIN: OnceCell<Main> = OnceCell::new();

struct Main(Server<'static>);

// SAFETY: the main server is only read in a child, whose configuration does not change any more.
#[allow(unsafe_code)]
unsafe impl Send for Main {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Main {}

/// A variable of httpd's environment, as it was when this process started: applications change it since.
pub fn variable(name: &[u8]) -> Option<&'static [u8]> {
    static ENVIRONMENT: OnceCell<HashMap<Vec<u8>, Vec<u8>>> = OnceCell::new();
    let pairs = || std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
    ENVIRONMENT.get_or_init(|| pairs().collect()).get(name).map(Vec::as_slice)
}

/// Number of this process; asking the system each time would cost a call.
pub fn pid() -> u32 {
    static PID: OnceCell<u32> = OnceCell::new();
    *PID.get_or_init(std::process::id)
}

/// The main server, in a child.
pub fn main_server() -> Option<Server<'static>> {
    MAIN.get().map(|main| main.0)
}

/// The main server's configuration.
pub fn main_config() -> Option<&'static ServerConfig> {
    main_server().map(|server| server.config())
}

/// This process is one in which the configuration does not change any more.
pub fn remember(main: Server<'static>) {
    let _ = MAIN.set(Main(main));
}

/// Processors of this machine.
pub fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32)
}

/// Where the engine should lie and does not.
pub fn missing_engine() -> Option<std::path::PathBuf> {
    let file = engine_file();
    (!file.is_file()).then_some(file)
}
