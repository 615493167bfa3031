//! The client's end of an answer: what of it can be sent without waiting for the client.
//!
//! httpd's core filter waits for the client when it gets a flush, or more than 64 KiB. So the answer goes down in pieces that
//! are smaller, the next one when the core holds nothing of the one before, and a filter right above the core takes the flushes
//! out: mod_deflate, mod_ssl and the like give all that they have, and nobody waits.

use super::brigade::Brigade;
use super::{Request, guard, sys};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// Bytes that are passed on at a time: with what TLS and chunks add less than FlushMaxThreshold, above which the core filter
/// waits.
const PIECE: u64 = 48 << 10;

/// A filter that takes longer for a piece waits itself, as mod_ratelimit does.
const SLOW: Duration = Duration::from_millis(50);

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The client, or a buffer of the system's, has taken all of it.
    All,
    /// The client, or a filter, must take its time before more can be sent.
    Part,
    /// The client has gone.
    Gone,
}

/// The connection's own end: its socket, and httpd's core filter before it.
pub(super) struct Client {
    /// The client's descriptor.
    pub fd: RawFd,
    socket: *mut sys::apr_socket_t,
    connection: *mut sys::conn_rec,
    core: *mut sys::ap_filter_t,
}

impl Client {
    /// `None`: streams of HTTP/2 have no socket of their own, their module writes for them.
    pub fn of(request: Request<'_>) -> Option<Self> {
        // SAFETY: the connection, its filters and its socket are live; the core's filter is the last of the chain.
        unsafe {
            let connection = (*request.raw()).connection;
            let socket = sys::ap_get_conn_socket(connection);
            let mut fd = -1;
            if !(*connection).master.is_null()
                || socket.is_null()
                || sys::apr_os_sock_get(&mut fd, socket) != 0
            {
                return None;
            }
            let mut core = (*connection).output_filters;
            while !(*core).next.is_null() {
                core = (*core).next;
            }
            Some(Self { fd, socket, connection, core })
        }
    }

    /// How long it may take nothing.
    fn patience(&self) -> Option<Duration> {
        let mut time = 0;
        // SAFETY: a live socket.
        unsafe { sys::apr_socket_timeout_get(self.socket, &mut time) };
        u64::try_from(time).ok().map(Duration::from_micros)
    }

    /// The core's filter holds something.
    pub fn is_owed(&self) -> bool {
        // SAFETY: a live connection; C changes the field behind the compiler's back.
        unsafe { (&raw const (*self.connection).data_in_output_filters).read_volatile() != 0 }
    }

    /// Bytes that the client's system has confirmed to have, since the connection began.
    fn acknowledged(&self) -> u64 {
        /// Where `tcpi_bytes_acked` stands in the kernel's `struct tcp_info`.
        const OFFSET: usize = 120;
        let mut info = [0; OFFSET + 8];
        let mut size = info.len() as libc::socklen_t;
        // SAFETY: a live array, of that size. A kernel that does not know the socket's protocol leaves it as it is.
        unsafe {
            libc::getsockopt(self.fd, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &mut size);
        }
        let mut count = [0; 8];
        count.copy_from_slice(&info[OFFSET..]);
        u64::from_ne_bytes(count)
    }

    /// Has the core's filter write what the socket takes at once. False: the client has gone.
    pub fn write(&self) -> bool {
        // SAFETY: a live filter, which goes on writing when it is passed nothing (as the event MPM does it).
        unsafe {
            let Some(write) = (*(*self.core).frec).filter_func.out_func else { return false };
            write(self.core, std::ptr::null_mut()) == 0 && (*self.connection).aborted == 0
        }
    }

    /// Our filter above the core, which is put there when it is needed first.
    fn gate(&self, request: Request<'_>) -> *mut sys::ap_filter_t {
        let record = (&raw const GATE.0).cast_mut();
        // SAFETY: the filters of a live connection. The record is not registered, so nobody else adds it; httpd only reads it.
        unsafe {
            let mut filter = (*self.connection).output_filters;
            while !filter.is_null() {
                if (*filter).frec == record {
                    return filter;
                }
                filter = (*filter).next;
            }
            let none = std::ptr::null_mut();
            sys::ap_add_output_filter_handle(record, none, request.raw(), self.connection)
        }
    }
}

/// What httpd knows of the filter. Its context is null when flushes may pass.
struct Record(sys::ap_filter_rec_t);

// SAFETY: it is never written.
unsafe impl Sync for Record {}

static GATE: Record = Record(sys::ap_filter_rec_t {
    name: c"wsgi_gate".as_ptr(),
    filter_func: sys::ap_filter_func { out_func: Some(gate) },
    filter_init_func: None,
    next: std::ptr::null_mut(),
    providers: std::ptr::null_mut(),
    ftype: sys::ap_filter_type_AP_FTYPE_NETWORK - 1,
    debug: 0,
    proto_flags: 0,
});

extern "C" fn gate(
    filter: *mut sys::ap_filter_t,
    brigade: *mut sys::apr_bucket_brigade,
) -> sys::apr_status_t {
    // SAFETY: called by httpd with a live filter and brigade.
    guard(sys::APR_EGENERAL as i32, || unsafe {
        if !(*filter).ctx.is_null() {
            let mut bucket = sys::wsgi_shim_brigade_first(brigade);
            while bucket != sys::wsgi_shim_brigade_sentinel(brigade) {
                let next = sys::wsgi_shim_bucket_next(bucket);
                if sys::wsgi_shim_bucket_is_flush(bucket) != 0 {
                    sys::wsgi_shim_bucket_delete(bucket);
                }
                bucket = next;
            }
            if sys::wsgi_shim_brigade_empty(brigade) != 0 {
                return 0;
            }
        }
        sys::ap_pass_brigade((*filter).next, brigade)
    })
}

impl Brigade<'_> {
    /// Bytes that were added and not passed on.
    pub fn held(&self) -> u64 {
        self.added
    }

    /// The client's socket, and how long it may take nothing. `None`: it has none that can be asked (HTTP/2).
    pub fn client(&self) -> Option<(RawFd, Option<Duration>)> {
        Client::of(self.request).map(|client| (client.fd, client.patience()))
    }

    /// Bytes that the client has taken of all that was sent to it, as far as that can be asked.
    pub fn acknowledged(&self) -> u64 {
        Client::of(self.request).map_or(0, |client| client.acknowledged())
    }

    /// Sends what was added, as far as the client takes it at once. Over HTTP/2 it waits until all has been taken.
    pub fn offer(&mut self) -> Taken {
        let Some(client) = Client::of(self.request) else {
            return if self.flush() { Taken::All } else { Taken::Gone };
        };
        loop {
            if client.is_owed() && !client.write() {
                return Taken::Gone;
            }
            if client.is_owed() {
                return Taken::Part;
            }
            if self.added == 0 && self.passed && !self.unflushed {
                return Taken::All;
            }
            let begun = (self.added > PIECE).then(Instant::now);
            if !self.pass_piece(&client, true) {
                return Taken::Gone;
            }
            if begun.is_some_and(|begun| begun.elapsed() > SLOW) {
                return Taken::Part;
            }
        }
    }

    /// Hands the beginning of what was added to the filters, if the client has taken what went before. False: it has gone.
    pub fn begin(&mut self) -> bool {
        match Client::of(self.request) {
            None => self.pass(),
            Some(client) => client.is_owed() || self.pass_piece(&client, false),
        }
    }

    /// Passes a piece on. The last one has the filters give all that they hold, if that is wanted.
    fn pass_piece(&mut self, client: &Client, flush: bool) -> bool {
        let gate = client.gate(self.request);
        let length = self.added.min(PIECE);
        let left = self.added - length;
        // SAFETY: the brigades are live and of one allocator, and the filter is one of the connection's.
        unsafe {
            if left > 0 {
                let mut after = std::ptr::null_mut();
                sys::apr_brigade_partition(self.raw, length as i64, &mut after);
                self.spare = sys::apr_brigade_split_ex(self.raw, after, self.spare);
            } else if flush {
                let bucket = sys::apr_bucket_flush_create(self.list());
                self.add(bucket);
            }
            // This may be a part of another answer (SSI), which is on its way through the same filter.
            let before = std::mem::replace(&mut (*gate).ctx, gate.cast());
            let there = self.pass();
            (*gate).ctx = before;
            self.unflushed = !flush || left > 0;
            if left > 0 {
                std::mem::swap(&mut self.raw, &mut self.spare);
                self.added = left;
            }
            there
        }
    }

    /// Has in memory what files hold of it: they may be changed from now on. False: one cannot be read.
    pub fn take_in(&mut self) -> bool {
        // SAFETY: buckets of a live brigade; reading one leaves what was read in its place, and the rest behind it.
        unsafe {
            let mut bucket = sys::wsgi_shim_brigade_first(self.raw);
            while bucket != sys::wsgi_shim_brigade_sentinel(self.raw) {
                let (mut data, mut len) = (std::ptr::null(), 0);
                let block = sys::apr_read_type_e_APR_BLOCK_READ;
                if sys::wsgi_shim_bucket_is_metadata(bucket) == 0
                    && sys::wsgi_shim_bucket_read(bucket, &mut data, &mut len, block) != 0
                {
                    return false;
                }
                bucket = sys::wsgi_shim_bucket_next(bucket);
            }
        }
        true
    }

    /// The client has taken nothing for too long: nothing more is sent to it, as httpd does it.
    pub fn give_up(&mut self) {
        // SAFETY: a live connection, whose thread this is.
        unsafe { (*(*self.request.raw()).connection).aborted = 1 };
        self.clear();
    }
}
