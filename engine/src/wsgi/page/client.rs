//! Who reads a page, and in what form.

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Html,
    /// For programs: RFC 9457.
    Json,
    /// For whoever wants neither.
    Text,
}

/// Who has sent a request, as far as a page needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The form that it asks for.
    pub form: Form,
    /// `mod_wsgi.request_id`
    pub request: String,
    /// Sending the request again does no harm.
    pub may_repeat: bool,
}

impl Client {
    /// The sender of the request with this environ.
    pub fn of<'a>(environ: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut client = Self { form: Form::Text, request: String::new(), may_repeat: false };
        for (name, value) in environ {
            match name {
                b"HTTP_ACCEPT" => client.form = form(&wire::shown(value).to_ascii_lowercase()),
                b"REQUEST_METHOD" => client.may_repeat = value == b"GET",
                b"mod_wsgi.request_id" => client.request = wire::shown(value).into_owned(),
                _ => {}
            }
        }
        client
    }
}

/// The form that a client names in Accept (RFC 9110, 12.5.1). Who takes anything names none, and is no browser.
fn form(accept: &str) -> Form {
    let (mut html, mut json) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        match kind {
            "text/html" | "application/xhtml+xml" => html = quality.max(html),
            "application/json" | "application/problem+json" => json = quality.max(json),
            _ => {}
        }
    }
    match (html > 0.0, json > 0.0) {
        (true, _) if html >= json => Form::Html,
        (_, true) => Form::Json,
        _ => Form::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_names() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, wanted) in [
            (browser, Form::Html),
            ("TEXT/HTML", Form::Html),
            ("", Form::Text),
            ("*/*", Form::Text),
            ("text/html;q=0", Form::Text),
            ("application/json, text/plain, */*", Form::Json),
            ("application/problem+json", Form::Json),
            ("text/html;q=0.5, application/json", Form::Json),
            ("application/json;level=1;q=0.1, text/html", Form::Html),
            (";;,=,q=", Form::Text),
        ] {
            let environ = [(&b"HTTP_ACCEPT"[..], accept.as_bytes())];
            let client = Client::of(environ.into_iter());
            assert_eq!(client.form, wanted, "{accept}");
        }
    }
}
