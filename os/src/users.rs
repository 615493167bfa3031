//! Users, as the system lists them. Unlike the rest this asks its databases, which take locks.

use std::ffi::{CStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Mutex;

/// The home directories of all users that the system lists.
pub fn homes() -> Vec<PathBuf> {
    /// The C library has one place in the list for the whole process.
    static LIST: Mutex<()> = Mutex::new(());
    let _alone = crate::lock(&LIST);
    let mut homes = Vec::new();
    // SAFETY: nobody else walks the list meanwhile; each record is read before the next call, and its home is null or a C
    // string.
    unsafe {
        libc::setpwent();
        while let Some(entry) = libc::getpwent().as_ref() {
            if !entry.pw_dir.is_null() {
                let home = CStr::from_ptr(entry.pw_dir).to_bytes().to_vec();
                homes.push(PathBuf::from(OsString::from_vec(home)));
            }
        }
        libc::endpwent();
    }
    homes
}
