//! What a request is called, for whoever asks what runs: in one piece of memory, for every request has it.

/// Method, path without the query (which may be secret), and id; texts are as they stand in the environ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    text: Vec<u8>,
    /// Where method and path end.
    ends: (usize, usize),
}

impl Named {
    /// Of the text entries of an environ.
    pub fn of<'a>(environ: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        /// Longer texts are cut.
        const LONGEST: usize = 1024;
        let (mut method, mut script_name, mut path_info, mut id) = Default::default();
        for (name, value) in environ {
            let field: &mut &[u8] = match name {
                b"REQUEST_METHOD" => &mut method,
                b"SCRIPT_NAME" => &mut script_name,
                b"PATH_INFO" => &mut path_info,
                b"mod_wsgi.request_id" => &mut id,
                _ => continue,
            };
            *field = &value[..value.len().min(LONGEST)];
        }
        let end = method.len() + script_name.len() + path_info.len();
        Self { ends: (method.len(), end), text: [method, script_name, path_info, id].concat() }
    }

    /// `GET`
    pub fn method(&self) -> &[u8] {
        &self.text[..self.ends.0]
    }

    /// Where the application is mounted, and the path below that.
    pub fn path(&self) -> &[u8] {
        &self.text[self.ends.0..self.ends.1]
    }

    /// httpd's id of the request.
    pub fn id(&self) -> &[u8] {
        &self.text[self.ends.1..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_has_no_query() {
        let pairs: [(&[u8], &[u8]); 5] = [
            (b"QUERY_STRING", b"token=1"),
            (b"mod_wsgi.request_id", b"abc"),
            (b"REQUEST_METHOD", b"GET"),
            (b"SCRIPT_NAME", b"/app"),
            (b"PATH_INFO", b"/x"),
        ];
        let named = Named::of(pairs.into_iter());
        assert_eq!((named.method(), named.path(), named.id()), (&b"GET"[..], &b"/app/x"[..], &b"abc"[..]));
        assert_eq!(Named::of(std::iter::empty()), Named::default());
    }
}
