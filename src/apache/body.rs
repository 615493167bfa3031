//! The request's body, read through httpd's input filters (which decode chunks and count `LimitRequestBody`).

use super::{Request, sys};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use wire::abi::ReadError;
use wire::message;

/// Answers without data that are taken from the filters in a row. Segments of one byte may need some thousands until
/// mod_deflate has a block to give; a filter that has given nothing by then is broken, and the thread is needed elsewhere.
const MOST_WITHOUT_DATA: u32 = 1 << 20;

/// What is left of a body.
pub struct Body<'r> {
    request: Request<'r>,
    /// Read from the filters and not yet taken; null until the first read, which also sends `100 Continue`.
    pending: *mut sys::apr_bucket_brigade,
    ended: bool,
    /// How it has failed while nobody read it.
    failed: Option<ReadError>,
}

impl<'r> Body<'r> {
    /// The body of `request`, not yet touched.
    pub fn new(request: Request<'r>) -> Self {
        Self { request, pending: std::ptr::null_mut(), ended: false, failed: None }
    }

    /// Reads up to `into.len()` bytes; 0 at the end. Blocks until at least one byte is there.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        if into.is_empty() {
            return Ok(0);
        }
        if let Some(error) = self.failed {
            return Err(error);
        }
        for _ in 0..MOST_WITHOUT_DATA {
            let taken = self.take(into)?;
            if taken > 0 || self.ended {
                return Ok(taken);
            }
            let status = self.fetch(into.len(), sys::apr_read_type_e_APR_BLOCK_READ);
            if status != 0 {
                return Err(self.error(status));
            }
        }
        let text = format!("the input filters have answered {MOST_WITHOUT_DATA} reads in a row without data");
        self.request.log(message::INPUT_FILTER_MUTE, text);
        Err(ReadError::Malformed)
    }

    /// It can be read without waiting, if only to its end, or to a failure.
    pub fn is_there(&mut self) -> bool {
        /// As much as filters give at a time.
        const SOME: usize = 8 << 10;
        if self.is_pending() || self.ended || self.failed.is_some() {
            return true;
        }
        let status = self.fetch(SOME, sys::apr_read_type_e_APR_NONBLOCK_READ);
        if status != 0 && status != libc::EAGAIN {
            self.failed = Some(self.error(status));
        }
        self.is_pending() || self.failed.is_some()
    }

    fn is_pending(&self) -> bool {
        // SAFETY: the brigade is null or live.
        !self.pending.is_null() && unsafe { sys::wsgi_shim_brigade_empty(self.pending) } == 0
    }

    /// Where files are put for a while, as httpd's own modules find it (TMPDIR, /tmp).
    pub fn temporary_directory(&self) -> Option<PathBuf> {
        let mut path = std::ptr::null();
        // SAFETY: the pool is live, and so is the string of it.
        let path = unsafe {
            (sys::apr_temp_dir_get(&mut path, self.request.pool().raw()) == 0).then(|| super::text(path))?
        };
        Some(PathBuf::from(OsStr::from_bytes(path)))
    }

    /// Bytes of it may still come. A part of a page (SSI) has no body: the one that comes is the page's.
    pub fn may_go_on(&self) -> bool {
        let r = self.request;
        let headers = r.headers_in();
        let is_declared = headers.get(c"Transfer-Encoding").is_some()
            || headers.get(c"Content-Length").is_some_and(|length| length != b"0");
        is_declared && !r.is_part() && !self.is_at_end()
    }

    fn is_at_end(&self) -> bool {
        let first_is_end = || {
            // SAFETY: the brigade is live and not empty.
            unsafe { sys::wsgi_shim_bucket_is_eos(sys::wsgi_shim_brigade_first(self.pending)) != 0 }
        };
        self.ended || (self.is_pending() && first_is_end())
    }

    /// Takes what is pending.
    fn take(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        // SAFETY: the brigade is null or live; a bucket is read, maybe split, and deleted, as APR wants it.
        unsafe {
            while filled < into.len() && self.is_pending() {
                let bucket = sys::wsgi_shim_brigade_first(self.pending);
                if sys::wsgi_shim_bucket_is_eos(bucket) != 0 {
                    self.ended = true;
                    break;
                }
                if sys::wsgi_shim_bucket_is_metadata(bucket) == 0 {
                    let (mut data, mut len) = (std::ptr::null(), 0);
                    let status = sys::wsgi_shim_bucket_read(
                        bucket,
                        &mut data,
                        &mut len,
                        sys::apr_read_type_e_APR_BLOCK_READ,
                    );
                    if status != 0 {
                        return Err(self.error(status));
                    }
                    let room = into.len() - filled;
                    let count = room.min(len as usize);
                    std::ptr::copy_nonoverlapping(data.cast::<u8>(), into[filled..].as_mut_ptr(), count);
                    filled += count;
                    if count < len as usize {
                        sys::wsgi_shim_bucket_split(bucket, count as _);
                    }
                }
                sys::wsgi_shim_bucket_delete(bucket);
            }
        }
        Ok(filled)
    }

    /// Asks the filters for up to `len` bytes. They may have nothing yet: an empty brigade is neither the body's end, which
    /// is an EOS bucket, nor the client's, which is an error.
    fn fetch(&mut self, len: usize, how: sys::apr_read_type_e) -> sys::apr_status_t {
        // SAFETY: the request, its connection and filters are live; the brigade is of the request's pool.
        unsafe {
            let r = self.request.raw();
            if self.pending.is_null() {
                self.pending = sys::apr_brigade_create((*r).pool, (*(*r).connection).bucket_alloc);
            }
            sys::ap_get_brigade(
                (*r).input_filters,
                self.pending,
                sys::ap_input_mode_t_AP_MODE_READBYTES,
                how,
                len as _,
            )
        }
    }

    /// Where a body breaks, nobody knows what the bytes behind are: the connection is not used for another request.
    fn error(&mut self, status: sys::apr_status_t) -> ReadError {
        self.request.close_connection();
        // SAFETY: takes numbers only.
        let (time_up, ended, http) = unsafe {
            (
                sys::wsgi_shim_status_is_timeup(status) != 0,
                // A client that closes in the middle is "incomplete"; one that has not begun is "end of file".
                sys::wsgi_shim_status_is_eof(status) != 0 || sys::wsgi_shim_status_is_incomplete(status) != 0,
                sys::ap_map_http_request_error(status, sys::HTTP_BAD_REQUEST as i32),
            )
        };
        if time_up || http == sys::HTTP_REQUEST_TIME_OUT as i32 {
            ReadError::Timeout
        } else if http == sys::HTTP_REQUEST_ENTITY_TOO_LARGE as i32 {
            ReadError::TooLarge
        } else if ended
            || self.request.is_aborted()
            || [libc::ECONNRESET, libc::ECONNABORTED, libc::EPIPE, libc::ENOTCONN].contains(&status)
        {
            ReadError::Disconnected
        } else {
            ReadError::Malformed
        }
    }
}
