//! Files as buckets that are read piece by piece, as the connection takes more.
//!
//! httpd's own file buckets are mapped, which ends the process if somebody makes the file shorter meanwhile, or read in pieces
//! of 8 KiB, and filters may take the end of a file for the end of the answer. A file of these that has become shorter cuts
//! the connection.

use super::{Request, sys};
use std::ffi::{c_char, c_void};

/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;

#[repr(C)]
struct Source {
    /// First, as apr_bucket_shared_make wants it.
    count: sys::apr_bucket_refcount,
    /// Open until the request's pool is destroyed.
    fd: i32,
    request: *mut sys::request_rec,
}

const TYPE: &sys::apr_bucket_type_t = &sys::apr_bucket_type_t {
    name: c"WSGI FILE".as_ptr(),
    num_func: 5,
    is_metadata: 0,
    destroy: Some(destroy),
    read: Some(read),
    setaside: Some(sys::apr_bucket_setaside_noop),
    split: Some(sys::apr_bucket_shared_split),
    copy: Some(sys::apr_bucket_shared_copy),
};

/// A bucket of `len` bytes of a file from `offset` on. The descriptor is open for as long as the request's pool is there.
pub(super) fn make(
    list: *mut sys::apr_bucket_alloc_t,
    request: Request<'_>,
    fd: i32,
    offset: i64,
    len: i64,
) -> *mut sys::apr_bucket {
    // SAFETY: both structures come from the bucket allocator and are filled before anybody sees them.
    unsafe {
        let bucket: *mut sys::apr_bucket =
            sys::apr_bucket_alloc(size_of::<sys::apr_bucket>() as _, list).cast();
        sys::wsgi_shim_bucket_init(bucket, list);
        let source: *mut Source = sys::apr_bucket_alloc(size_of::<Source>() as _, list).cast();
        (*source).fd = fd;
        (*source).request = request.raw();
        let bucket = sys::apr_bucket_shared_make(bucket, source.cast(), offset, len as _);
        (*bucket).type_ = TYPE;
        bucket
    }
}

extern "C" fn destroy(source: *mut c_void) {
    // SAFETY: called by APR with the data of a bucket of this type; the last reference frees it.
    unsafe {
        if sys::apr_bucket_shared_destroy(source) != 0 {
            sys::apr_bucket_free(source);
        }
    }
}

/// Makes a heap bucket of the first piece; the rest becomes a bucket behind it.
extern "C" fn read(
    bucket: *mut sys::apr_bucket,
    text: *mut *const c_char,
    len: *mut sys::apr_size_t,
    _: sys::apr_read_type_e,
) -> sys::apr_status_t {
    // SAFETY: called by APR with a bucket of this type and room for both answers; the request lives as its buckets, and the
    // descriptor as the request. The piece is of the bucket's own allocator.
    unsafe {
        let source: *mut Source = (*bucket).data.cast();
        let size = ((*bucket).length as usize).min(PIECE);
        let piece = sys::apr_bucket_alloc(size as _, (*bucket).list);
        let count = loop {
            let count = libc::pread((*source).fd, piece, size, (*bucket).start);
            if count >= 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
                break count;
            }
        };
        if count <= 0 {
            sys::apr_bucket_free(piece);
            (*text, *len) = (c"".as_ptr(), 0);
            // Not every filter looks at the status.
            (*(*(*source).request).connection).aborted = 1;
            return libc::ECONNABORTED;
        }
        if (count as usize) < (*bucket).length as usize {
            sys::apr_bucket_shared_split(bucket, count as _);
        }
        destroy(source.cast());
        sys::apr_bucket_heap_make(bucket, piece.cast(), count as _, Some(sys::apr_bucket_free));
        (*text, *len) = (piece.cast(), count as _);
    }
    0
}
