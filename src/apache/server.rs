//! `server_rec`: the main server and its virtual hosts.

use super::{Module, Pool, module, sys};
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use wire::Level;

/// Why a server or a request has our configuration.
pub(super) const MERGED: &str =
    "httpd merges the configuration of every server and directory once it has read them all";

/// A server of a configuration that is read to its end and merged, and lives for `'c`.
#[derive(Clone, Copy)]
pub struct Server<'c> {
    raw: *mut sys::server_rec,
    life: PhantomData<&'c ()>,
}

impl<'c> Server<'c> {
    /// # Safety
    /// `raw` is a live server that outlives `'c`, of a configuration that is no longer being read ([`super::BeingRead`] is for
    /// those that are).
    pub unsafe fn from_raw(raw: *mut sys::server_rec) -> Self {
        Self { raw, life: PhantomData }
    }

    /// The server for a C call.
    pub fn raw(self) -> *mut sys::server_rec {
        self.raw
    }

    /// The pointer of [`Server::raw`], where C only reads.
    pub fn raw_const(self) -> *const sys::server_rec {
        self.raw
    }

    /// The server as long as its configuration is in force, which whoever keeps it sees to.
    pub fn for_ever(self) -> Server<'static> {
        Server { raw: self.raw, life: PhantomData }
    }

    /// The pool of the configuration.
    pub fn config_pool(self) -> Pool<'c> {
        // SAFETY: the process's record and its pools are live.
        unsafe { Pool::from_raw((*self.record().process).pconf) }
    }

    /// `Timeout`
    pub fn timeout(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.record().timeout.max(1) as u64)
    }

    /// The descriptor of its error log, if that is a file or a pipe of its own.
    pub fn log_descriptor(self) -> Option<i32> {
        let log = self.record().error_log;
        let mut fd = -1;
        // SAFETY: null, or a live file.
        (!log.is_null() && unsafe { sys::apr_os_file_get(&mut fd, log) } == 0).then_some(fd)
    }

    /// Writes a line to its error log as it is, newline included: where httpd's own lines go, and in one piece as they are.
    pub fn write_log(self, level: Level, line: &[u8]) {
        let log = self.record().error_log;
        if log.is_null() {
            let text: Vec<u8> = line.iter().copied().filter(|byte| !matches!(byte, 0 | b'\n')).collect();
            let text = std::ffi::CString::new(text).unwrap_or_default();
            // SAFETY: "%s" takes one C string, which is alive. httpd has opened the system's log: there is no other.
            return unsafe {
                libc::syslog((level as i32).min(libc::LOG_DEBUG), c"%s".as_ptr(), text.as_ptr())
            };
        }
        // SAFETY: a live file of the configuration, unbuffered, into which any thread may write, and a live slice.
        unsafe {
            sys::apr_file_write_full(log, line.as_ptr().cast(), line.len() as _, std::ptr::null_mut());
        }
    }

    /// The most verbose level that is written for it.
    pub fn log_level(self) -> u8 {
        Level::most_verbose(|level| self.logs(level)) as u8
    }

    pub(super) fn record(self) -> &'c sys::server_rec {
        // SAFETY: live for 'c, and read-only once the configuration is read.
        unsafe { &*self.raw }
    }

    /// The configured ServerName.
    pub fn name(self) -> &'c [u8] {
        super::text(self.record().server_hostname)
    }

    /// Whether the server has this name: by ServerName, or by ServerAlias, whose names may be patterns.
    pub fn has_name(self, name: &[u8]) -> bool {
        let record = self.record();
        // SAFETY: null or arrays of C strings of the configuration, which is read-only by now.
        let aliases = unsafe { strings(record.names) };
        // SAFETY: as above.
        let patterns = unsafe { strings(record.wild_names) };
        name.eq_ignore_ascii_case(self.name())
            || aliases.iter().any(|alias| name.eq_ignore_ascii_case(super::text(*alias)))
            || (!patterns.is_empty() && matches_any(name, patterns))
    }

    /// Whether visitors reach the server through this port, or ServerName contains it.
    pub fn has_port(self, port: u16) -> bool {
        self.record().port == port || self.entrances().iter().any(|entrance| entrance.local == port)
    }

    /// Whether the server is a virtual host.
    pub fn is_virtual(self) -> bool {
        self.record().is_virtual != 0
    }

    /// The configured ServerAdmin.
    pub fn admin(self) -> &'c [u8] {
        super::text(self.record().server_admin)
    }

    /// Our configuration of this server.
    pub fn entry<M: Module>(self) -> &'c M::Server {
        self.entry_so_far::<M>().expect(MERGED)
    }

    /// The same, where httpd may not have merged it yet.
    pub fn entry_so_far<M: Module>(self) -> Option<&'c M::Server> {
        // SAFETY: it is null, or `create_server` or the merger put it there, in the configuration's pool.
        unsafe { module::entry::<M::Server>(self.record().module_config).as_ref() }
    }

    /// Our per-directory configuration of it, before sections apply.
    pub fn dir_entry<M: Module>(self) -> &'c M::Dir {
        // SAFETY: `create_dir` or the merger put it there, in the configuration's pool.
        unsafe { module::entry::<M::Dir>(self.record().lookup_defaults).as_ref() }.expect(MERGED)
    }

    /// A line of this level would be written.
    pub fn logs(self, level: wire::Level) -> bool {
        // SAFETY: a live server.
        unsafe {
            sys::wsgi_shim_log_is_level(self.raw, std::ptr::null(), super::module::index(), level as i32) != 0
        }
    }

    /// The configuration of every directory of it, before sections apply.
    pub(super) fn lookup_defaults(self) -> *mut sys::ap_conf_vector_t {
        self.record().lookup_defaults
    }

    /// This main server and its virtual hosts, in the order of the configuration.
    pub fn in_order(self) -> Vec<Server<'c>> {
        let mut all: Vec<_> = self.all().collect();
        // httpd puts each virtual host in front of those it has.
        all[1..].reverse();
        all
    }

    /// This server and those behind it in httpd's list; from the main server: all of them.
    pub fn all(self) -> impl Iterator<Item = Server<'c>> {
        let mut next = self.raw;
        std::iter::from_fn(move || {
            if next.is_null() {
                return None;
            }
            // SAFETY: a live server of httpd's list, in force as this one is.
            let server = unsafe { Server::from_raw(next) };
            next = server.record().next;
            Some(server)
        })
    }
}

/// `Apache/2.4.62 (Debian) …` with all module tokens.
pub fn description() -> &'static [u8] {
    // SAFETY: httpd answers a string that lives as the configuration; we read it in a child, which has only one.
    unsafe { CStr::from_ptr(sys::ap_get_server_description()).to_bytes() }
}

/// A number that the process group keeps for as long as it lives, whatever is unloaded and loaded again: `make` is asked
/// for it once. It must not be 0.
pub fn kept_number(name: &'static CStr, make: impl FnOnce() -> usize) -> usize {
    let mut known = std::ptr::null_mut();
    // SAFETY: the process's pool outlives everything; the name is copied by `apr_pool_userdata_set`, and the number is no
    // pointer, so nothing is cleaned up: each cleanup would stay in the pool.
    unsafe {
        let pool = (&raw const sys::ap_pglobal).read();
        sys::apr_pool_userdata_get(&mut known, name.as_ptr(), pool);
        if known.is_null() {
            known = std::ptr::without_provenance_mut(make());
            sys::apr_pool_userdata_set(known, name.as_ptr(), None, pool);
        }
    }
    known as usize
}

/// A path that the server's own files at run time have (DefaultRuntimeDir).
pub fn runtime_path(config: Pool<'_>, name: &CStr) -> Vec<u8> {
    // SAFETY: a live pool and a C string; the answer is null or a string of the pool.
    unsafe { super::text(sys::ap_runtime_dir_relative(config.raw(), name.as_ptr())).to_vec() }
}

/// Puts another number in the place of one that is kept.
pub fn keep_number(name: &'static CStr, number: usize) {
    // SAFETY: as in `kept_number`.
    unsafe {
        let pool = (&raw const sys::ap_pglobal).read();
        let number = std::ptr::without_provenance(number);
        sys::apr_pool_userdata_set(number, name.as_ptr(), None, pool);
    }
}

/// The banner that ServerTokens lets clients see.
pub fn banner() -> &'static [u8] {
    // SAFETY: as in `description`.
    unsafe { CStr::from_ptr(sys::ap_get_server_banner()).to_bytes() }
}

/// When httpd was built.
pub fn build_date() -> &'static [u8] {
    // SAFETY: a constant of httpd.
    unsafe { CStr::from_ptr(sys::ap_get_server_built()).to_bytes() }
}

/// (major, minor, patch) of the running httpd.
pub fn version() -> [i32; 3] {
    let mut version = sys::ap_version_t { major: 0, minor: 0, patch: 0, add_string: std::ptr::null() };
    // SAFETY: httpd fills the structure.
    unsafe { sys::ap_get_server_revision(&mut version) };
    [version.major, version.minor, version.patch]
}

/// A relative path under ServerRoot, an absolute one as it is; `None` when it is malformed.
pub fn root_relative<'p>(pool: Pool<'p>, path: &CStr) -> Option<&'p CStr> {
    // SAFETY: pool and path are live; the answer is null or a string of the pool.
    unsafe {
        let path = sys::ap_server_root_relative(pool.raw(), path.as_ptr());
        (!path.is_null()).then(|| CStr::from_ptr(path))
    }
}

/// `httpd -X` (or -D NAME): whether the name was defined.
pub fn defined(name: &CStr) -> bool {
    // SAFETY: a C string.
    unsafe { sys::ap_exists_config_define(name.as_ptr()) != 0 }
}

/// Adds a word to the Server banner.
pub fn add_component(pool: Pool<'_>, component: &str) {
    // SAFETY: the configuration's pool and a C string of it.
    unsafe { sys::ap_add_version_component(pool.raw(), pool.c_chars(component.as_bytes())) }
}

/// An HTTP date as microseconds since the epoch.
pub fn parse_date(pool: Pool<'_>, date: &[u8]) -> Option<i64> {
    // SAFETY: a C string of the pool.
    let time = unsafe { sys::apr_date_parse_http(pool.c_chars(date)) };
    (time != 0).then_some(time)
}

/// # Safety
/// `array` is null or a live array of C strings.
unsafe fn strings<'a>(array: *const sys::apr_array_header_t) -> &'a [*const c_char] {
    // SAFETY: says the caller.
    match unsafe { array.as_ref() } {
        Some(array) if array.nelts > 0 => {
            // SAFETY: as many elements as the array says.
            unsafe { std::slice::from_raw_parts(array.elts.cast(), array.nelts as usize) }
        }
        _ => &[],
    }
}

/// httpd's own way to compare a name with patterns.
fn matches_any(name: &[u8], patterns: &[*const c_char]) -> bool {
    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: C strings that live during the call.
    patterns.iter().any(|&pattern| unsafe { sys::ap_strcasecmp_match(name.as_ptr(), pattern) == 0 })
}
