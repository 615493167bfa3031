//! The code of this process: the module's file, the engine's beside it; and the terminal it was started in.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The file this code was loaded from.
fn own_file() -> PathBuf {
    // SAFETY: dladdr fills the structure for an address of ours; the name lives while we are loaded.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        libc::dladdr(own_file as fn() -> PathBuf as *const c_void, &mut info);
        let name = if info.dli_fname.is_null() { c"" } else { CStr::from_ptr(info.dli_fname) };
        PathBuf::from(OsStr::from_bytes(name.to_bytes()))
    }
}

/// The engine lies beside the module.
pub fn engine_file() -> PathBuf {
    own_file().with_file_name("_mod_wsgi.abi3.so")
}

/// The terminal that Apache was started in is not that of its children (`-DFOREGROUND`): what an application typed into it
/// root's shell would run. It still ends them all by Ctrl-C. The leader of a session would end the session, so it keeps it.
pub fn leave_terminal() {
    // SAFETY: calls on numbers and a C string.
    unsafe {
        if libc::getsid(0) == libc::getpid() {
            return;
        }
        let terminal = libc::open(c"/dev/tty".as_ptr(), libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        if terminal >= 0 {
            libc::ioctl(terminal, libc::TIOCNOTTY);
            libc::close(terminal);
        }
    }
}

/// From here on this code stays in this process, whatever httpd unloads: threads run in it.
pub fn stay_loaded() {
    if let Ok(file) = CString::new(own_file().as_os_str().as_bytes()) {
        // SAFETY: asks for a library that is already loaded.
        unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
}
