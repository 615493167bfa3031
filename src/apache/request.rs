//! `request_rec`: one request, alive while a hook of this module runs for it.

use super::body::Body;
use super::server::MERGED;
use super::{Module, Pool, Server, Table, log, module, sys};
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;

/// What a hook answers: an HTTP status, or one of httpd's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub i32);

impl Status {
    /// `OK`: the hook has handled the request.
    pub const OK: Self = Self(sys::OK);
    /// `DECLINED`: the module does not handle the request.
    pub const DECLINED: Self = Self(sys::DECLINED);
}

/// A request that lives for `'r`.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    raw: *mut sys::request_rec,
    life: PhantomData<&'r ()>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `raw` is a live request that outlives `'r`, used by one thread at a time.
    pub unsafe fn from_raw(raw: *mut sys::request_rec) -> Self {
        Self { raw, life: PhantomData }
    }

    /// The request for a C call.
    pub fn raw(self) -> *mut sys::request_rec {
        self.raw
    }

    pub(super) fn record(self) -> &'r sys::request_rec {
        // SAFETY: live for 'r; fields are read one by one, and whoever serves the request is its only user.
        unsafe { &*self.raw }
    }

    pub(super) fn connection(self) -> &'r sys::conn_rec {
        // SAFETY: a request's connection outlives it.
        unsafe { &*self.record().connection }
    }

    /// The request's pool.
    pub fn pool(self) -> Pool<'r> {
        // SAFETY: the pool lives as the request.
        unsafe { Pool::from_raw(self.record().pool) }
    }

    /// The virtual host that serves it.
    pub fn server(self) -> Server<'r> {
        // SAFETY: the configuration outlives its requests.
        unsafe { Server::from_raw(self.record().server) }
    }

    /// Our per-directory configuration, merged.
    pub fn dir_entry<M: Module>(self) -> &'r M::Dir {
        // SAFETY: `create_dir` or the merger put it there, in a pool that outlives the request.
        unsafe { module::entry::<M::Dir>(self.record().per_dir_config).as_ref() }.expect(MERGED)
    }

    /// The request that was redirected to this one.
    pub fn previous(self) -> Option<Request<'r>> {
        let previous = self.record().prev;
        // SAFETY: the request we came from lives as long as this one.
        (!previous.is_null()).then(|| unsafe { Request::from_raw(previous) })
    }

    /// Name of the handler.
    pub fn handler(self) -> &'r [u8] {
        super::text(self.record().handler)
    }

    /// Names the handler. The string is static or of the request's pool.
    pub fn set_handler(self, handler: &'r CStr) {
        // SAFETY: the string lives as the request.
        unsafe { (*self.raw).handler = handler.as_ptr() }
    }

    /// Gives the user another name, which lives as the request.
    pub fn set_user(self, name: &'r CStr) {
        // SAFETY: a live request, which one thread works on; httpd does not write to the name.
        unsafe { (*self.raw).user = name.as_ptr().cast_mut() }
    }

    /// Path of the file that the URL maps to.
    pub fn filename(self) -> &'r [u8] {
        super::text(self.record().filename)
    }

    /// Maps the URL to a file.
    pub fn set_filename(self, path: &[u8]) {
        let path = self.pool().c_chars(path);
        // SAFETY: the string is of the request's pool.
        unsafe { (*self.raw).filename = path }
    }

    /// The path part of the URL, decoded.
    pub fn uri(self) -> &'r [u8] {
        super::text(self.record().uri)
    }

    /// The path of the URL as it was asked for, without the query; without the host, and a password before it, that a proxy's
    /// request has.
    pub fn path_as_sent(self) -> &'r [u8] {
        let uri = super::text(self.record().unparsed_uri);
        let uri = uri.split(|byte| *byte == b'?').next().unwrap_or_default();
        match uri.windows(3).position(|three| three == b"://").filter(|_| !uri.starts_with(b"/")) {
            Some(scheme) => {
                let rest = &uri[scheme + 3..];
                rest.iter().position(|byte| *byte == b'/').map_or(b"/", |slash| &rest[slash..])
            }
            None => uri,
        }
    }

    /// What of the path lies behind the file.
    pub fn path_info(self) -> &'r [u8] {
        super::text(self.record().path_info)
    }

    /// What stands behind `?`.
    pub fn query(self) -> Option<&'r [u8]> {
        let query = self.record().args;
        (!query.is_null()).then(|| super::text(query))
    }

    /// The request line as it came.
    pub fn line(self) -> &'r [u8] {
        super::text(self.record().the_request)
    }

    /// `GET`, …
    pub fn method(self) -> &'r [u8] {
        super::text(self.record().method)
    }

    /// `HTTP/1.1`
    pub fn protocol(self) -> &'r [u8] {
        super::text(self.record().protocol)
    }

    /// Whether the method is HEAD.
    pub fn head_only(self) -> bool {
        self.record().header_only != 0
    }

    /// The authenticated user.
    pub fn user(self) -> &'r [u8] {
        super::text(self.record().user)
    }

    /// `Basic`, `Digest`, …
    pub fn auth_type(self) -> &'r [u8] {
        super::text(self.record().ap_auth_type)
    }

    /// `AuthType` as it is configured for the request; `None`: Apache asks for no credentials.
    pub fn wanted_auth_type(self) -> Option<&'r [u8]> {
        // SAFETY: a live request; the answer is null or a C string that lives as it.
        let kind = unsafe { sys::ap_auth_type(self.raw) };
        (!kind.is_null()).then(|| super::text(kind))
    }

    /// Host name that the request named.
    pub fn hostname(self) -> &'r [u8] {
        super::text(self.record().hostname)
    }

    /// When it was received, microseconds since the epoch.
    pub fn received(self) -> i64 {
        self.record().request_time
    }

    /// Apache's id of the request in logs; made now if nothing has been logged yet.
    pub fn log_id(self) -> &'r [u8] {
        if self.record().log_id.is_null() {
            let mut id = std::ptr::null();
            // SAFETY: a live request and connection; the hook answers a string of the request's pool, which is put
            // where httpd's own logging puts it.
            unsafe {
                if sys::ap_run_generate_log_id(self.record().connection, self.raw, &mut id) == sys::OK {
                    (*self.raw).log_id = id;
                }
            }
        }
        super::text(self.record().log_id)
    }

    /// Apache's id of the connection in logs; made now if nothing has been logged yet: threads of the application may
    /// log for the request, and making it then would use the connection's pool from two threads.
    pub fn connection_log_id(self) -> &'r [u8] {
        let connection = self.record().connection;
        if self.connection().log_id.is_null() {
            let mut id = std::ptr::null();
            // SAFETY: as in `log_id`; without a request the string is of the connection's pool.
            unsafe {
                if sys::ap_run_generate_log_id(connection, std::ptr::null(), &mut id) == sys::OK {
                    (*connection).log_id = id;
                }
            }
        }
        super::text(self.connection().log_id)
    }

    /// What kind of file it maps to.
    pub fn file(self) -> FileKind {
        let info = &self.record().finfo;
        match info.filetype {
            sys::apr_filetype_e_APR_NOFILE => FileKind::Missing,
            sys::apr_filetype_e_APR_DIR => FileKind::Directory,
            _ => FileKind::File,
        }
    }

    /// The file it maps to, as httpd saw it.
    pub fn stamp(self) -> wire::Stamp {
        let info = &self.record().finfo;
        let seen = (sys::APR_FINFO_MTIME | sys::APR_FINFO_DEV | sys::APR_FINFO_INODE) as i32;
        if self.file() != FileKind::File || info.valid & seen != seen {
            return wire::Stamp::UNKNOWN;
        }
        wire::Stamp { modified: info.mtime, device: info.device, inode: info.inode }
    }

    /// `AcceptPathInfo Off` was said.
    pub fn rejects_path_info(self) -> bool {
        self.record().used_path_info == sys::AP_REQ_REJECT_PATH_INFO as i32
    }

    /// `Options ExecCGI` is in force.
    pub fn may_execute(self) -> bool {
        // SAFETY: a live request.
        unsafe { sys::ap_allow_options(self.raw) & sys::OPT_EXECCGI as i32 != 0 }
    }

    /// `ErrorDocument` names something for this status.
    pub fn has_error_document(self, status: i32) -> bool {
        // SAFETY: a live request; the index is httpd's own.
        unsafe { !sys::ap_response_code_string(self.raw, sys::ap_index_of_response(status)).is_null() }
    }

    /// `LimitRequestBody`; 0: none.
    pub fn body_limit(self) -> i64 {
        // SAFETY: a live request.
        unsafe { sys::ap_get_limit_req_body(self.raw) }
    }

    /// `CGIPassAuth On`.
    pub fn passes_auth(self) -> bool {
        let core = self.core_dir_config();
        core.cgi_pass_auth() == sys::AP_CGI_PASS_AUTH_ON as u32
    }

    /// `CGIVar REQUEST_URI current-uri`.
    pub fn reports_current_uri(self) -> bool {
        let rules = self.core_dir_config().cgi_var_rules;
        if rules.is_null() {
            return false;
        }
        // SAFETY: the core's table of variable rules, keys and values C strings.
        unsafe {
            let rule: *const c_char =
                sys::apr_hash_get(rules, c"REQUEST_URI".as_ptr().cast(), -1 as _).cast();
            super::text(rule) == b"current-uri"
        }
    }

    /// `EnableMMAP` is on.
    pub fn may_map_files(self) -> bool {
        self.core_dir_config().enable_mmap() != sys::ENABLE_MMAP_OFF as u32
    }

    fn core_dir_config(self) -> &'r sys::core_dir_config {
        // SAFETY: the core always has a per-directory configuration, of this type.
        unsafe { &*sys::ap_get_core_module_config(self.record().per_dir_config).cast() }
    }

    /// Request headers.
    pub fn headers_in(self) -> Table<'r> {
        // SAFETY: the table lives as the request.
        unsafe { Table::from_raw(self.record().headers_in) }
    }

    /// Headers of a successful answer.
    pub fn headers_out(self) -> Table<'r> {
        // SAFETY: the table lives as the request.
        unsafe { Table::from_raw(self.record().headers_out) }
    }

    /// Headers of any answer, error pages included.
    pub fn err_headers_out(self) -> Table<'r> {
        // SAFETY: the table lives as the request.
        unsafe { Table::from_raw(self.record().err_headers_out) }
    }

    /// SetEnv and its kind.
    pub fn environment(self) -> Table<'r> {
        // SAFETY: the table lives as the request.
        unsafe { Table::from_raw(self.record().subprocess_env) }
    }

    /// Notes of modules to each other.
    pub fn notes(self) -> Table<'r> {
        // SAFETY: the table lives as the request.
        unsafe { Table::from_raw(self.record().notes) }
    }

    /// The status of the answer, as it was set.
    pub fn status(self) -> Status {
        Status(self.record().status)
    }

    /// Sets the status of the answer.
    pub fn set_answer(self, status: i32, line: &[u8]) {
        let line = self.pool().c_chars(line);
        // SAFETY: a live request; the string is of its pool.
        unsafe {
            (*self.raw).status = status;
            (*self.raw).status_line = line;
        }
    }

    /// Sets the Content-Type that httpd's filters see.
    pub fn set_content_type(self, value: &[u8]) {
        let value = self.pool().c_chars(value);
        // SAFETY: a live request; the string is of its pool.
        unsafe { sys::ap_set_content_type(self.raw, value) }
    }

    /// Whether the request is a part of a page (SSI), or a lookup of where a URL leads.
    pub fn is_part(self) -> bool {
        !self.record().main.is_null()
    }

    /// Whether the request is the page for a failure of another request (ErrorDocument).
    pub fn is_error_page(self) -> bool {
        std::iter::successors(self.previous(), |r| r.previous()).any(|r| r.record().status != 200)
    }

    /// Whether the request came from the client unchanged: conditions apply neither to parts of a page (SSI) nor to
    /// error documents, and modules that change the answer set no_local_copy.
    pub fn is_own(self) -> bool {
        !self.is_part() && self.record().no_local_copy == 0
    }

    /// The client gets all of the content, though it asks for a part.
    pub fn send_whole(self) {
        // SAFETY: a live request; the filter is taken out of its chain, and httpd knows how to find it by its name.
        unsafe { sys::ap_remove_output_filter_byhandle(self.record().output_filters, c"byterange".as_ptr()) };
    }

    /// Tells httpd when the resource was modified, microseconds since the epoch.
    pub fn set_modified(self, time: i64) {
        // SAFETY: a live request.
        unsafe { (*self.raw).mtime = time }
    }

    /// Reads and drops the body, so that the connection can be used again; answers 413 if it is too large.
    pub fn discard_body(self) -> Status {
        // SAFETY: a live request.
        Status(unsafe { sys::ap_discard_request_body(self.raw) })
    }

    /// The most verbose level that is written for it.
    pub fn log_level(self) -> u8 {
        wire::Level::most_verbose(|level| self.logs(level)) as u8
    }

    /// Since it was received.
    pub fn age(self) -> std::time::Duration {
        std::time::Duration::from_micros((super::now() - self.received()).max(0) as u64)
    }

    /// How long a read or write on the client's connection may wait; answers what it was before. `None`: the connection
    /// is not its own (HTTP/2).
    pub fn set_client_timeout(self, time: std::time::Duration) -> Option<std::time::Duration> {
        let mut before = 0;
        // SAFETY: a live connection; its socket is null or live.
        unsafe {
            let socket = sys::ap_get_conn_socket(self.record().connection);
            if socket.is_null() || !self.connection().master.is_null() {
                return None;
            }
            sys::apr_socket_timeout_get(socket, &mut before);
            sys::apr_socket_timeout_set(socket, time.as_micros() as i64);
        }
        Some(std::time::Duration::from_micros(before.max(1) as u64))
    }

    /// Answers with what another URL path of this server answers to GET. The body belongs to the request that was answered:
    /// the other one has none. httpd goes by these headers when it looks for the body's end for the first time, so a body
    /// that is not at its end is the last thing that is taken from the connection.
    pub fn redirect_internally(self, url: &[u8], body: &Body<'r>) -> Status {
        let url = self.pool().c_string(url);
        if body.may_go_on() {
            self.close_connection();
        }
        self.headers_in().unset(c"Content-Length");
        self.headers_in().unset(c"Transfer-Encoding");
        // SAFETY: a live request, static strings and one of its pool.
        unsafe {
            (*self.raw).method = c"GET".as_ptr();
            (*self.raw).method_number = sys::M_GET as i32;
            sys::ap_internal_redirect_handler(url.as_ptr(), self.raw);
        }
        Status::OK
    }

    /// Says when a client may try again.
    pub fn retry_after(self, seconds: u32) {
        self.err_headers_out().set(c"Retry-After", self.pool().c_string(seconds.to_string().as_bytes()));
    }

    /// The connection is not used for another request.
    pub fn close_connection(self) {
        // SAFETY: the connection outlives its request, whose thread owns it.
        unsafe { (*self.record().connection).keepalive = sys::ap_conn_keepalive_e_AP_CONN_CLOSE }
    }

    /// The client has gone.
    pub fn is_aborted(self) -> bool {
        self.connection().aborted != 0
    }

    /// An output filter of content or resource kind is installed (mod_deflate, mod_include, …).
    pub fn has_content_filter(self) -> bool {
        let filter = self.record().output_filters;
        if filter.is_null() {
            return false;
        }
        // SAFETY: a filter of the chain has its record.
        unsafe { (*(*filter).frec).ftype < sys::ap_filter_type_AP_FTYPE_PROTOCOL }
    }

    /// A line of this level would be written.
    pub fn logs(self, level: wire::Level) -> bool {
        // SAFETY: a live request and its server.
        unsafe {
            sys::wsgi_shim_log_is_level(self.record().server, self.raw, super::module::index(), level as i32)
                != 0
        }
    }

    /// Logs a message of the catalogue for this request.
    pub fn log(self, message: wire::Message, text: impl std::fmt::Display) {
        log::message(self, message, text);
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The file does not exist.
    Missing,
    /// The path is a directory.
    Directory,
    /// The path is a file.
    File,
}
