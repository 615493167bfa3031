//! The text entries of the environ, as PEP 3333 and CGI (RFC 3875) name them.

use super::Route;
use super::proxies::Forwarded;
use crate::apache::{self, Request};
use crate::config::{Category, MapHead, RequestExt};
use crate::process;
use std::borrow::Cow;
use std::ffi::CStr;
use wire::{Pair, Slice};

/// The entries, in the order in which they count: a later one replaces an earlier one of its name.
pub struct Environ<'r> {
    entries: Vec<Pair<'r>>,
    /// Number of those that are SetEnv's and its kind's.
    given: usize,
    /// Names of the others.
    names: Vec<&'r CStr>,
    https: bool,
    request: Request<'r>,
}

impl<'r> Environ<'r> {
    /// The environ of a request.
    pub fn of(request: Request<'r>, route: &'r Route<'r>) -> Self {
        let forwarded = Forwarded::of(request, request.dir_config());
        let scheme = forwarded.as_ref().and_then(Forwarded::https);
        let https = scheme.is_none() && request.is_tls();
        let mut environ = Self::empty(request, https);
        environ.request_environment();
        environ.headers(route.pass_authorization, forwarded.as_ref());
        environ.server();
        environ.connection();
        environ.resource();
        environ.ours(route);
        if let Some(forwarded) = forwarded {
            environ.forwarded(&forwarded);
        }
        if let Some(Some(https)) = scheme {
            environ.https = https;
        }
        environ
    }

    fn empty(request: Request<'r>, https: bool) -> Self {
        let (entries, names) = (Vec::with_capacity(56), Vec::with_capacity(56));
        Self { entries, given: 0, names, https, request }
    }

    /// The environ for a script that says who may see something: without SetEnv's variables and without credentials.
    pub fn of_check(request: Request<'r>, application_group: &'r [u8]) -> Self {
        let mut environ = Self::empty(request, request.is_tls());
        environ.headers(false, None);
        environ.server();
        environ.set(c"SERVER_SIGNATURE", request.signature());
        environ.connection();
        environ.resource();
        environ.set(c"mod_wsgi.process_group", b"");
        environ.set(c"mod_wsgi.application_group", application_group);
        environ
    }

    /// Puts the entries into the request's environment, where `LogFormat "%{SCRIPT_NAME}e"`, mod_headers and expressions of
    /// Apache find them.
    pub fn show(&self) {
        let values = self.entries[self.given..].iter().map(|pair| pair.value.get());
        let ours = self.names.iter().copied().zip(values);
        self.request.environment().set_all(self.request.pool(), ours);
    }

    /// The entries as bytes.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.entries.iter().map(|pair| pair.get())
    }

    /// The entries for the engine.
    pub fn entries(&self) -> &[Pair<'r>] {
        &self.entries
    }

    /// `wsgi.url_scheme` is `https`.
    pub fn https(&self) -> bool {
        self.https
    }

    /// An entry that the request's environment has.
    fn take_over(&mut self, name: &'r [u8], value: &'r [u8]) {
        self.entries.push(Pair::of(name, value));
        self.given = self.entries.len();
    }

    /// Both live as long as the request: they are of its pool, of the configuration or constant.
    fn set(&mut self, name: &'r CStr, value: &'r [u8]) {
        self.entries.push(Pair::of(name.to_bytes(), value));
        self.names.push(name);
    }

    fn set_new(&mut self, name: &'r CStr, value: &[u8]) {
        let value = self.request.pool().copy(value);
        self.set(name, value);
    }

    /// Text that lives as long as the request.
    fn kept(&self, text: Cow<'r, [u8]>) -> &'r [u8] {
        match text {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => self.request.pool().copy(&text),
        }
    }

    fn set_number(&mut self, name: &'r CStr, value: u32) {
        self.set(name, self.request.pool().number(value.into()).to_bytes());
    }

    /// Entries of this name are set here, some only if the request has what they tell: none is taken from elsewhere then.
    fn is_set_here(name: &[u8]) -> bool {
        const SOMETIMES: [&[u8]; 5] =
            [b"AUTH_TYPE", b"CONTENT_LENGTH", b"CONTENT_TYPE", b"PATH_INFO", b"REMOTE_USER"];
        const PREFIXES: [&[u8]; 3] = [b"HTTP_", b"REDIRECT_", b"mod_wsgi."];
        SOMETIMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }

    /// SetEnv and its kind. `HTTPS` only chooses the scheme; `PATH` is the server's own affair. A part of a page (SSI) is given a
    /// copy of the page's environment, in which the page's application may have left what is not the part's.
    fn request_environment(&mut self) {
        let is_part = self.request.is_part();
        for (name, value) in self.request.environment().iter() {
            match name {
                _ if is_part && Self::is_set_here(name) => {}
                b"HTTPS" => self.https = value.eq_ignore_ascii_case(b"on") || value == b"1",
                b"PATH" => {}
                _ => self.take_over(name, value),
            }
        }
    }

    /// Headers as HTTP_*. Names with characters other than letters, digits and `-` are dropped: `X_A` and `X-A`
    /// would be one. `Proxy` is dropped (a client must not set HTTP_PROXY), credentials unless they are wanted.
    fn headers(&mut self, pass_authorization: bool, forwarded: Option<&Forwarded<'r>>) {
        let both = self.request.passes_auth();
        for (name, mut value) in self.request.headers_in().iter() {
            if let Some(forwarded) = forwarded {
                if forwarded.drops(name) {
                    continue;
                }
                if let Some(chain) = forwarded.chain(name) {
                    value = self.request.pool().copy(chain);
                }
            }
            let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
            if is(b"Content-Type") {
                self.set(c"CONTENT_TYPE", value);
            } else if is(b"Content-Length") {
                self.set(c"CONTENT_LENGTH", value);
            } else if is(b"Proxy")
                || (is(b"Authorization") && !both && !pass_authorization)
                || (is(b"Proxy-Authorization") && !both)
            {
                continue;
            } else if let Some(key) = self.header_key(name) {
                self.set(key, value);
            }
        }
    }

    fn header_key(&self, name: &[u8]) -> Option<&'r CStr> {
        const PREFIX: &[u8] = b"HTTP_";
        let key = self.request.pool().bytes(PREFIX.len() + name.len() + 1);
        let (prefix, rest) = key.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        for (into, &byte) in rest.iter_mut().zip(name) {
            *into = match byte {
                b'-' => b'_',
                byte if byte.is_ascii_alphanumeric() => byte.to_ascii_uppercase(),
                _ => return None,
            };
        }
        CStr::from_bytes_with_nul(key).ok()
    }

    fn server(&mut self) {
        let r = self.request;
        self.set(c"SERVER_SOFTWARE", apache::banner());
        self.set(c"SERVER_NAME", r.server_name());
        self.set_number(c"SERVER_PORT", r.server_port().into());
        self.set(c"SERVER_ADMIN", r.server().admin());
        self.set(c"REQUEST_SCHEME", r.scheme());
        self.set(c"DOCUMENT_ROOT", r.document_root());
        self.set(c"CONTEXT_PREFIX", r.context_prefix());
        self.set(c"CONTEXT_DOCUMENT_ROOT", r.context_document_root());
    }

    fn connection(&mut self) {
        let r = self.request;
        self.set(c"SERVER_ADDR", r.local_ip());
        self.set(c"REMOTE_ADDR", r.client_ip());
        self.set_number(c"REMOTE_PORT", r.client_port().into());
        if !r.user().is_empty() {
            self.set(c"REMOTE_USER", r.user());
        } else if let Some(previous) = r.previous()
            && !previous.user().is_empty()
        {
            self.set(c"REDIRECT_REMOTE_USER", previous.user());
        }
        if !r.auth_type().is_empty() {
            self.set(c"AUTH_TYPE", r.auth_type());
        }
    }

    fn resource(&mut self) {
        let r = self.request;
        let config = r.dir_config();
        self.set(c"SCRIPT_FILENAME", r.filename());
        self.set(c"SERVER_PROTOCOL", r.protocol());
        let as_get = r.head_only()
            && match config.map_head.unwrap_or(MapHead::Auto) {
                MapHead::On => true,
                MapHead::Off => false,
                MapHead::Auto => r.has_content_filter(),
            };
        self.set(c"REQUEST_METHOD", if as_get { b"GET" } else { r.method() });
        self.set(c"QUERY_STRING", r.query().unwrap_or(b""));
        if r.reports_current_uri() {
            self.set(c"REQUEST_URI", r.uri());
        } else {
            self.set_new(c"REQUEST_URI", original_target(r.line()));
        }
        if let Some(previous) = r.previous() {
            self.set(c"REDIRECT_URL", previous.uri());
            if let Some(query) = previous.query() {
                self.set(c"REDIRECT_QUERY_STRING", query);
            }
        }
        let script = self.kept(script_name(r));
        self.set(c"SCRIPT_NAME", script);
        self.set(c"mod_wsgi.script_name", script);
        let mut path_info = self.kept(one_slash(r.path_info()));
        // A PATH_INFO of the request's environment survives where the URL has none.
        if let Some(given) = r.environment().get(c"PATH_INFO")
            && path_info.is_empty()
            && !r.is_part()
        {
            path_info = given;
        } else {
            self.set(c"PATH_INFO", path_info);
        }
        self.set(c"mod_wsgi.path_info", path_info);
    }

    /// What a trusted proxy tells, instead of what Apache knows.
    fn forwarded(&mut self, forwarded: &Forwarded<'r>) {
        for (category, names) in [
            (Category::Client, &[c"REMOTE_ADDR"][..]),
            (Category::Host, &[c"HTTP_HOST"]),
            (Category::Server, &[c"SERVER_NAME"]),
            (Category::Port, &[c"SERVER_PORT"]),
            (Category::Script, &[c"SCRIPT_NAME", c"mod_wsgi.mount_point"]),
        ] {
            if let Some(value) = forwarded.told(category) {
                let value = self.request.pool().copy(value);
                names.iter().for_each(|name| self.replace(name, value));
            }
        }
    }

    /// Replaces an entry that was set here.
    fn replace(&mut self, name: &'r CStr, value: &'r [u8]) {
        let given = self.given;
        let same = self.pairs().skip(given).position(|(other, _)| other == name.to_bytes());
        match same {
            Some(at) => self.entries[given + at].value = Slice::of(value),
            None => self.set(name, value),
        }
    }

    /// The module's own entries that are text.
    fn ours(&mut self, route: &'r Route<'r>) {
        let r = self.request;
        self.set(c"mod_wsgi.process_group", &route.process_group);
        self.set(c"mod_wsgi.application_group", &route.application_group);
        self.set(c"mod_wsgi.callable_object", &route.callable);
        self.set(c"mod_wsgi.request_handler", r.handler());
        self.set(c"mod_wsgi.handler_script", route.handler_script.unwrap_or_default());
        let (host, port) = r.listener();
        self.set(c"mod_wsgi.listener_host", host);
        self.set_number(c"mod_wsgi.listener_port", port.into());
        self.set_number(c"mod_wsgi.server_pid", process::pid());
        if !r.log_id().is_empty() {
            self.set(c"mod_wsgi.request_id", r.log_id());
        }
        if !r.connection_log_id().is_empty() {
            self.set(c"mod_wsgi.connection_id", r.connection_log_id());
        }
    }
}

/// SCRIPT_NAME: the path without its PATH_INFO; runs of `/` are one, and a root mount is empty.
pub fn script_name(r: Request<'_>) -> Cow<'_, [u8]> {
    let (uri, info) = (r.uri(), r.path_info());
    let script = if info.is_empty() {
        uri
    } else {
        // httpd unescapes and collapses the URI and takes PATH_INFO from its end, so it ends in it.
        uri.strip_suffix(info).unwrap_or(uri)
    };
    let script = one_slash(script);
    if *script == *b"/" && !info.is_empty() { Cow::Borrowed(b"") } else { script }
}

/// Runs of `/` made one.
fn one_slash(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.windows(2).any(|two| two == b"//") {
        return Cow::Borrowed(path);
    }
    let mut text = Vec::with_capacity(path.len());
    for &byte in path {
        if byte != b'/' || text.last() != Some(&b'/') {
            text.push(byte);
        }
    }
    Cow::Owned(text)
}

/// The target of a request line, as it came: an absolute one has scheme and host, as for CGI programs of httpd.
fn original_target(line: &[u8]) -> &[u8] {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words.nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{one_slash, original_target};

    #[test]
    fn the_target_is_as_it_came() {
        assert_eq!(original_target(b"GET /a%20b?c HTTP/1.1"), b"/a%20b?c");
        assert_eq!(original_target(b"GET  http://h:80/a?b HTTP/1.1"), b"http://h:80/a?b");
        assert_eq!(original_target(b"GET /?u=http://x/y HTTP/1.1"), b"/?u=http://x/y");
        assert_eq!(original_target(b"OPTIONS * HTTP/1.1"), b"*");
        assert_eq!(original_target(b""), b"");
    }

    #[test]
    fn runs_of_slashes_are_one() {
        assert_eq!(*one_slash(b"//a///b/"), *b"/a/b/");
        assert_eq!(*one_slash(b"/a/b/"), *b"/a/b/");
        assert_eq!(*one_slash(b"//"), *b"/");
        assert_eq!(*one_slash(b""), *b"");
    }
}
