//! The answer's way out: a bucket brigade that is filled, flushed and finished.

use super::client::Client;
use super::{Request, sys};
use std::ffi::{c_char, c_void};
use std::marker::PhantomData;
use std::os::fd::{IntoRawFd, OwnedFd};

/// The answer of one request.
pub struct Brigade<'r> {
    pub(super) raw: *mut sys::apr_bucket_brigade,
    /// An empty one for what is passed on later; null until there is such.
    pub(super) spare: *mut sys::apr_bucket_brigade,
    pub(super) request: Request<'r>,
    /// Bytes added that were not passed on.
    pub(super) added: u64,
    /// Something went down the filters: the headers are out.
    pub(super) passed: bool,
    /// What was passed on may stand in a filter that waits for more.
    pub(super) unflushed: bool,
}

impl<'r> Brigade<'r> {
    /// An empty brigade of the request.
    pub fn new(request: Request<'r>) -> Self {
        // SAFETY: the request and its connection are live; the brigade is of the request's pool.
        let raw = unsafe {
            sys::apr_brigade_create(request.pool().raw(), (*(*request.raw()).connection).bucket_alloc)
        };
        Self { raw, spare: std::ptr::null_mut(), request, added: 0, passed: false, unflushed: false }
    }

    pub(super) fn list(&self) -> *mut sys::apr_bucket_alloc_t {
        // SAFETY: the brigade is live.
        unsafe { (*self.raw).bucket_alloc }
    }

    pub(super) fn add(&mut self, bucket: *mut sys::apr_bucket) {
        // SAFETY: a bucket just made from this brigade's allocator.
        unsafe { sys::wsgi_shim_brigade_insert_tail(self.raw, bucket) }
    }

    /// Adds a copy of `block`.
    pub fn copy(&mut self, block: &[u8]) {
        self.added += block.len() as u64;
        // SAFETY: the brigade is live; apr copies the bytes. Without a flush function it cannot fail.
        unsafe {
            sys::apr_brigade_write(
                self.raw,
                None,
                std::ptr::null_mut(),
                block.as_ptr().cast(),
                block.len() as _,
            );
        }
    }

    /// Adds a bucket that refers to the bytes of `block`, which is dropped when they are no longer needed, in any thread.
    pub fn refer<T: AsRef<[u8]> + Send + 'static>(&mut self, block: T) {
        self.added += block.as_ref().len() as u64;
        let bucket = shared::make(self.list(), block);
        self.add(bucket);
    }

    /// Adds `len` bytes of a file from `offset` on; it is closed with the request. `sendfile` allows sendfile(2) where the
    /// filters allow it, `mapped` that they have it in memory.
    pub fn file(&mut self, file: OwnedFd, offset: i64, len: i64, sendfile: bool, mapped: bool) {
        let pool = self.request.pool().raw();
        let mut fd = file.into_raw_fd();
        self.added += len as u64;
        // SAFETY: a descriptor that is ours alone; a cleanup closes it with the request's pool, which outlives the bucket:
        // httpd destroys it with the EOR bucket, which comes after the data. apr_os_file_put registers none.
        unsafe {
            sys::apr_pool_cleanup_register(
                pool,
                fd as usize as *const c_void,
                Some(close_descriptor),
                Some(sys::apr_pool_cleanup_null),
            );
            if !sendfile && !mapped {
                let bucket = super::file::make(self.list(), self.request, fd, offset, len);
                self.add(bucket);
                return;
            }
            let flags = sys::APR_FOPEN_READ as i32
                | if sendfile { sys::APR_FOPEN_SENDFILE_ENABLED as i32 } else { 0 };
            let mut file: *mut sys::apr_file_t = std::ptr::null_mut();
            sys::apr_os_file_put(&mut file, &mut fd, flags, pool);
            let bucket = sys::apr_brigade_insert_file(self.raw, file, offset, len, pool);
            if !bucket.is_null() {
                sys::apr_bucket_file_enable_mmap(bucket, i32::from(mapped));
            }
        }
    }

    /// Drops what was added.
    pub fn clear(&mut self) {
        // SAFETY: the brigade is live.
        unsafe { sys::apr_brigade_cleanup(self.raw.cast()) };
        self.added = 0;
    }

    /// Something went down the filters: the headers are out.
    pub fn is_passed(&self) -> bool {
        self.passed
    }

    /// Sends what was added and waits until the client (or a buffer on the way) has taken it. False: it has gone.
    pub fn flush(&mut self) -> bool {
        // SAFETY: makes a bucket of the brigade's allocator.
        let bucket = unsafe { sys::apr_bucket_flush_create(self.list()) };
        self.add(bucket);
        self.pass()
    }

    /// Sends what was added and the end of the answer.
    ///
    /// What a socket's buffer takes at once is written here and now: httpd would otherwise first look for the next
    /// request, which cannot be there yet, and give the connection to its listener thread. A larger answer is
    /// written here for as long as the client keeps up with it; for a slow one httpd does it without holding this
    /// thread.
    pub fn finish(&mut self) -> bool {
        /// What a socket's send buffer takes, usually.
        const AT_ONCE: u64 = 64 << 10;
        // SAFETY: as in `flush`.
        let bucket = unsafe { sys::apr_bucket_eos_create(self.list()) };
        self.add(bucket);
        // With what is owed already it may be more: a flush would wait for a slow client.
        let small = self.added <= AT_ONCE && Client::of(self.request).is_none_or(|client| !client.is_owed());
        let there = self.pass();
        if there && small {
            // SAFETY: the connection outlives the request; its filters take a flush at any time.
            unsafe {
                let connection = (*self.request.raw()).connection;
                sys::wsgi_shim_brigade_insert_tail(self.raw, sys::apr_bucket_flush_create(self.list()));
                sys::ap_pass_brigade((*connection).output_filters, self.raw);
                sys::apr_brigade_cleanup(self.raw.cast());
            }
        } else if there {
            self.write_while_client_keeps_up();
        }
        there
    }

    /// Has httpd's core filter write what it holds, as often as the socket takes more within a short time.
    fn write_while_client_keeps_up(&self) {
        const PATIENCE_MS: i32 = 20;
        let Some(client) = Client::of(self.request) else { return };
        while client.is_owed() && !self.request.is_aborted() {
            let mut poll = libc::pollfd { fd: client.fd, events: libc::POLLOUT, revents: 0 };
            // SAFETY: a live structure.
            if unsafe { libc::poll(&mut poll, 1, PATIENCE_MS) } <= 0 || !client.write() {
                return;
            }
        }
    }

    /// Ends an answer that is under way so that the client notices that it is not whole: httpd's chunk filter then leaves out the
    /// last chunk, and HTTP/2 resets the stream.
    pub fn break_off(&mut self) {
        self.request.close_connection();
        // SAFETY: as in `flush`; the error bucket copies nothing.
        unsafe {
            let bucket = sys::ap_bucket_error_create(
                sys::HTTP_BAD_GATEWAY as i32,
                std::ptr::null(),
                self.request.pool().raw(),
                self.list(),
            );
            sys::wsgi_shim_brigade_insert_tail(self.raw, bucket);
        }
        self.finish();
    }

    /// Hands what was added to the filters.
    pub fn pass(&mut self) -> bool {
        // SAFETY: request, its filters and the brigade are live; the cleanup empties what a filter left.
        let status = unsafe {
            let status = sys::ap_pass_brigade((*self.request.raw()).output_filters, self.raw);
            sys::apr_brigade_cleanup(self.raw.cast());
            status
        };
        self.added = 0;
        self.passed = true;
        status == 0 && !self.request.is_aborted()
    }
}

extern "C" fn close_descriptor(fd: *mut c_void) -> sys::apr_status_t {
    // SAFETY: registered with a descriptor that is ours alone.
    unsafe { libc::close(fd as usize as i32) }
}

/// A bucket type whose bytes belong to somebody else and are shared, never copied.
mod shared {
    use super::*;

    #[repr(C)]
    struct Block<T> {
        /// First, as apr_bucket_shared_make wants it.
        count: sys::apr_bucket_refcount,
        base: *const u8,
        owner: T,
    }

    struct Type<T>(PhantomData<T>);

    impl<T> Type<T> {
        const TYPE: &'static sys::apr_bucket_type_t = &sys::apr_bucket_type_t {
            name: c"WSGI".as_ptr(),
            num_func: 5,
            is_metadata: 0,
            destroy: Some(destroy::<T>),
            read: Some(read::<T>),
            setaside: Some(sys::apr_bucket_setaside_noop),
            split: Some(sys::apr_bucket_shared_split),
            copy: Some(sys::apr_bucket_shared_copy),
        };
    }

    pub fn make<T: AsRef<[u8]> + Send + 'static>(
        list: *mut sys::apr_bucket_alloc_t,
        owner: T,
    ) -> *mut sys::apr_bucket {
        // APR aligns what it allocates for numbers and pointers.
        const { assert!(align_of::<Block<T>>() <= align_of::<*const u8>()) };
        // SAFETY: both structures come from the bucket allocator and are filled before anybody sees them. The owner stays
        // where it is, and is only borrowed, until the last bucket is destroyed; so its bytes stay, too.
        unsafe {
            let bucket: *mut sys::apr_bucket =
                sys::apr_bucket_alloc(size_of::<sys::apr_bucket>() as _, list).cast();
            sys::wsgi_shim_bucket_init(bucket, list);
            let data: *mut Block<T> = sys::apr_bucket_alloc(size_of::<Block<T>>() as _, list).cast();
            (&raw mut (*data).owner).write(owner);
            let bytes = (*data).owner.as_ref();
            (*data).base = bytes.as_ptr();
            let bucket = sys::apr_bucket_shared_make(bucket, data.cast(), 0, bytes.len() as _);
            (*bucket).type_ = Type::<T>::TYPE;
            bucket
        }
    }

    extern "C" fn destroy<T>(data: *mut c_void) {
        // SAFETY: called by APR with the data of a bucket of this type; the last reference frees it.
        unsafe {
            if sys::apr_bucket_shared_destroy(data) != 0 {
                let owner = (&raw const (*data.cast::<Block<T>>()).owner).read();
                sys::apr_bucket_free(data);
                crate::apache::guard((), || drop(owner));
            }
        }
    }

    extern "C" fn read<T>(
        bucket: *mut sys::apr_bucket,
        text: *mut *const c_char,
        len: *mut sys::apr_size_t,
        _: sys::apr_read_type_e,
    ) -> sys::apr_status_t {
        // SAFETY: called by APR with a bucket of this type and room for both answers.
        unsafe {
            let data: *const Block<T> = (*bucket).data.cast();
            *text = (*data).base.offset((*bucket).start as isize).cast();
            *len = (*bucket).length;
        }
        0
    }
}
