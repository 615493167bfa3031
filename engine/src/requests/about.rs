//! What a request is, for lines about it and for telemetry: without the query, which may be secret.

/// What is known of a request from its environ; texts are as they stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `GET`
    pub method: Vec<u8>,
    /// The Host header.
    pub host: Vec<u8>,
    /// Where the application is mounted.
    pub script_name: Vec<u8>,
    /// The path below that.
    pub path_info: Vec<u8>,
    /// `HTTP/1.1`
    pub protocol: Vec<u8>,
    /// The address of the client.
    pub client: Vec<u8>,
    /// The User-Agent header.
    pub user_agent: Vec<u8>,
    /// httpd's id of the request.
    pub id: Vec<u8>,
    /// Pid of the child of httpd that has the request, as text.
    pub server_pid: Vec<u8>,
    /// The client uses TLS.
    pub https: bool,
    /// Requests that ran when it began.
    pub active: usize,
}

impl About {
    /// Takes what is of interest out of the text entries of an environ.
    pub fn of<'a>(environ: impl Iterator<Item = (&'a [u8], &'a [u8])>, https: bool) -> Self {
        /// Longer texts are cut.
        const LONGEST: usize = 1024;
        let mut about = Self { https, ..Self::default() };
        for (name, value) in environ {
            let field = match name {
                b"REQUEST_METHOD" => &mut about.method,
                b"HTTP_HOST" => &mut about.host,
                b"SCRIPT_NAME" => &mut about.script_name,
                b"PATH_INFO" => &mut about.path_info,
                b"SERVER_PROTOCOL" => &mut about.protocol,
                b"REMOTE_ADDR" => &mut about.client,
                b"HTTP_USER_AGENT" => &mut about.user_agent,
                b"mod_wsgi.request_id" => &mut about.id,
                b"mod_wsgi.server_pid" => &mut about.server_pid,
                _ => continue,
            };
            *field = value[..value.len().min(LONGEST)].to_vec();
        }
        about
    }

    /// Method and path, for a log line.
    pub fn title(&self) -> String {
        format!(
            "{} {}{}",
            wire::shown(&self.method),
            wire::shown(&self.script_name),
            wire::shown(&self.path_info)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_has_no_query() {
        let pairs: [(&[u8], &[u8]); 4] = [
            (b"QUERY_STRING", b"token=1"),
            (b"REQUEST_METHOD", b"GET"),
            (b"SCRIPT_NAME", b"/app"),
            (b"PATH_INFO", b"/x"),
        ];
        let about = About::of(pairs.into_iter(), true);
        assert_eq!(about.title(), "GET /app/x");
    }
}
