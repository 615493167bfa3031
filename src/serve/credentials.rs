//! Credentials that a client sent and its application did not get: said where it is certain that they were missed.
//!
//! No configuration tells whether an application checks credentials itself. Its answer does: a 401 asks for what the client has
//! sent already.

use crate::apache::{Request, Status};
use crate::routing::Route;
use std::collections::HashSet;
use std::sync::Mutex;
use wire::message;

/// An application was served, and this is what came of it. Costs two comparisons unless that is a 401.
pub fn check(r: Request<'_>, route: &Route<'_>, answer: Status) {
    let status = if answer == Status::OK { r.status() } else { answer };
    if status == Status(401) && are_withheld(r, route) {
        say(r, route);
    }
}

/// The client has sent credentials, which neither Apache has checked nor the application has got.
fn are_withheld(r: Request<'_>, route: &Route<'_>) -> bool {
    r.headers_in().get(c"Authorization").is_some()
        && !route.pass_authorization
        && !r.passes_auth()
        && r.wanted_auth_type().is_none()
        && r.user().is_empty()
        && !r.is_error_page()
}

fn say(r: Request<'_>, route: &Route<'_>) {
    let script = route.script(r);
    if !SAID.is_first(&[script, &route.process_group, &route.application_group]) {
        return;
    }
    let (script, uri) = (wire::shown(script), wire::shown(r.uri()));
    let text = format!(
        "'{script}' answered 401 to a request for '{uri}' with an Authorization header, which it was not given: \
         WSGIPassAuthorization is Off, and Apache checks no passwords there either (no AuthType). If the application checks \
         passwords or tokens itself, set 'WSGIPassAuthorization On' for it. Each process logs this once"
    );
    r.log(message::CREDENTIALS_WITHHELD, text);
}

static SAID: Said = Said(Mutex::new(None));

/// Applications of which it was said.
struct Said(Mutex<Option<HashSet<Vec<u8>>>>);

impl Said {
    /// Applications that are remembered; of others nothing is said, so that a log cannot be flooded either.
    const MOST: usize = 1000;

    /// Nothing was said of the application before, which `names` make out.
    fn is_first(&self, names: &[&[u8]]) -> bool {
        let mut said = os::lock(&self.0);
        let said = said.get_or_insert_default();
        // No name has a NUL in it.
        said.len() < Self::MOST && said.insert(names.join(&0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_for_each_application_and_for_so_many() {
        let said = Said(Mutex::default());
        let names: [&[&[u8]]; 4] =
            [&[b"/a", b"", b"b"], &[b"/a", b"b", b""], &[b"/a", b"", b"b"], &[b"/c", b"", b""]];
        assert_eq!(names.map(|names| said.is_first(names)), [true, true, false, true]);
        let more = (0..Said::MOST).filter(|number| said.is_first(&[number.to_string().as_bytes()])).count();
        assert_eq!(more, Said::MOST - 3);
        assert!(!said.is_first(&[b"/another"]));
    }
}
