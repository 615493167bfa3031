//! A request that nobody sent: what the configuration says of a URL, asked before any client comes.
//!
//! It is asked in processes that start, some of them root's. So no file of a user is opened for it: httpd finds no
//! `.htaccess` ([`NoHtaccess`]). What such a file may say decides neither which interpreter an application runs in nor
//! which process.

use super::{Entrance, Pool, Request, Server, hook, sys};
use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The User-Agent of warm-up requests.
const USER_AGENT: &[u8] = b"mod_wsgi (warm-up)";

/// The synthetic request whose configuration is being merged. The process has one thread then, or this is done on the only
/// one of the module.
static BEING_ASKED: AtomicPtr<sys::request_rec> = AtomicPtr::new(ptr::null_mut());

/// To a synthetic request no directory has a `.htaccess`.
pub struct NoHtaccess;

impl hook::OpenHtaccess for NoHtaccess {
    fn is_hidden_from(r: *const sys::request_rec) -> bool {
        ptr::eq(BEING_ASKED.load(Ordering::Relaxed), r)
    }
}

impl<'p> Pool<'p> {
    /// A GET request of `server` for a URL path (with a query or without), from this host through this entrance, that `file`
    /// was found for. Sections of the configuration (Directory, Files, Location) apply to it. The error is the status that
    /// they, or a missing directory, make of it.
    pub fn synthetic_request(
        self,
        server: Server<'p>,
        entrance: Entrance,
        url: &[u8],
        file: &[u8],
    ) -> Result<Request<'p>, i32> {
        // SAFETY: the pool is live and everything below is of it: a connection without a socket, whose fields are
        // those that httpd reads of a request that is not answered, and a request that httpd itself makes for it.
        unsafe {
            let connection: *mut sys::conn_rec = self.zeroed();
            let mut address = ptr::null_mut();
            let ip = c"127.0.0.1".as_ptr();
            if sys::apr_sockaddr_info_get(
                &mut address,
                ip,
                sys::APR_INET as i32,
                entrance.local,
                0,
                self.raw(),
            ) != 0
            {
                return Err(500);
            }
            (*connection).pool = self.raw();
            (*connection).base_server = server.raw();
            (*connection).local_addr = address;
            (*connection).client_addr = address;
            (*connection).local_ip = ip.cast_mut();
            (*connection).client_ip = ip.cast_mut();
            (*connection).conn_config = sys::ap_create_conn_config(self.raw());
            (*connection).notes = sys::apr_table_make(self.raw(), 5);
            (*connection).bucket_alloc = sys::apr_bucket_alloc_create(self.raw());
            (*connection).keepalive = sys::ap_conn_keepalive_e_AP_CONN_CLOSE;
            let r = sys::ap_create_request(connection);
            fill(self, r, server, url, file, entrance.named);
            BEING_ASKED.store(r, Ordering::Relaxed);
            let walked = walk(r);
            BEING_ASKED.store(ptr::null_mut(), Ordering::Relaxed);
            walked?;
            let request = Request::from_raw(r);
            if server.uses_tls() {
                request.environment().set(c"HTTPS", c"on");
            }
            set_environment(r);
            Ok(request)
        }
    }

    /// A structure of zeros.
    ///
    /// # Safety
    /// Zeros are a value of `T`.
    unsafe fn zeroed<T>(self) -> *mut T {
        let _aligned: PhantomData<T> = PhantomData;
        const { assert!(align_of::<T>() <= 8, "APR aligns to 8 bytes") };
        self.bytes(size_of::<T>()).as_mut_ptr().cast()
    }
}

/// The fields that reading a request fills.
///
/// # Safety
/// `r` is a new request of the pool.
unsafe fn fill(
    pool: Pool<'_>,
    r: *mut sys::request_rec,
    server: Server<'_>,
    url: &[u8],
    file: &[u8],
    port: Option<u16>,
) {
    let text = |bytes: &[u8]| pool.c_chars(bytes);
    let (path, query) = match url.iter().position(|byte| *byte == b'?') {
        Some(at) => (&url[..at], Some(&url[at + 1..])),
        None => (url, None),
    };
    let host = match port {
        None | Some(80 | 443) => server.name().to_vec(),
        Some(port) => [server.name(), format!(":{port}").as_bytes()].concat(),
    };
    // SAFETY: a live request, and strings of its pool.
    unsafe {
        (*r).server = server.raw();
        (*r).per_dir_config = server.lookup_defaults();
        (*r).hostname = text(server.name());
        (*r).method = c"GET".as_ptr();
        (*r).method_number = sys::M_GET as i32;
        (*r).protocol = c"HTTP/1.1".as_ptr().cast_mut();
        (*r).proto_num = 1001;
        (*r).the_request = text(&[b"GET ", url, b" HTTP/1.1"].concat());
        (*r).unparsed_uri = text(url);
        (*r).uri = text(path);
        // A path that cannot be decoded is none that httpd would take either; it stays as it is.
        sys::ap_unescape_url((*r).uri);
        (*r).args = query.map_or(ptr::null_mut(), text);
        (*r).filename = text(file);
        (*r).parsed_uri.path = (*r).uri;
        (*r).parsed_uri.hostname = text(server.name());
        if let Some(port) = port {
            (*r).parsed_uri.port_str = text(port.to_string().as_bytes());
            (*r).parsed_uri.port = port;
        }
        (*r).request_time = sys::apr_time_now();
        (*r).handler = c"wsgi-script".as_ptr();
        let request = Request::from_raw(r);
        request.headers_in().set(c"Host", pool.c_string(&host));
        request.headers_in().set(c"User-Agent", pool.c_string(USER_AGENT));
        request.headers_in().set(c"Accept", c"*/*");
    }
}

/// Merges what the sections of the configuration say, in httpd's order (core documentation, "How the sections are
/// merged").
///
/// # Safety
/// `r` is a request with its URL and file.
unsafe fn walk(r: *mut sys::request_rec) -> Result<(), i32> {
    for step in [sys::ap_directory_walk, sys::ap_file_walk, sys::ap_location_walk] {
        // SAFETY: says the caller.
        match unsafe { step(r) } {
            sys::OK | sys::DECLINED => {}
            status => return Err(status),
        }
    }
    Ok(())
}

/// What mod_env and mod_setenvif put into the environment of requests. Other modules' hooks are not run: they may want a
/// client.
///
/// # Safety
/// `r` is a request whose configuration is merged.
unsafe fn set_environment(r: *mut sys::request_rec) {
    // SAFETY: the hooks are arrays of these structures, of functions that take a request.
    unsafe {
        for hook in hooks::<sys::ap_LINK_post_read_request_t>(sys::ap_hook_get_post_read_request()) {
            run(hook.szName, c"mod_setenvif.c", hook.pFunc, r);
        }
        for hook in hooks::<sys::ap_LINK_header_parser_t>(sys::ap_hook_get_header_parser()) {
            run(hook.szName, c"mod_setenvif.c", hook.pFunc, r);
        }
        for hook in hooks::<sys::ap_LINK_fixups_t>(sys::ap_hook_get_fixups()) {
            run(hook.szName, c"mod_env.c", hook.pFunc, r);
        }
    }
}

type Hook = Option<unsafe extern "C" fn(*mut sys::request_rec) -> c_int>;

/// # Safety
/// `array` is null or an array of `T`.
unsafe fn hooks<'a, T>(array: *mut sys::apr_array_header_t) -> &'a [T] {
    // SAFETY: says the caller.
    match unsafe { array.as_ref() } {
        Some(array) if array.nelts > 0 => unsafe {
            // SAFETY: as many elements as the array says.
            std::slice::from_raw_parts(array.elts.cast(), array.nelts as usize)
        },
        _ => &[],
    }
}

/// # Safety
/// `hook` takes a request, and `r` is one.
unsafe fn run(name: *const c_char, wanted: &CStr, hook: Hook, r: *mut sys::request_rec) {
    // SAFETY: says the caller; the name is null or a C string of the module that registered the hook.
    unsafe {
        if let Some(hook) = hook
            && super::text(name) == wanted.to_bytes()
        {
            hook(r);
        }
    }
}
