//! Headers that belong to the connection, which is the server's (RFC 9110, 7.6.1; PEP 3333, "Other HTTP Features").
//!
//! Applications set them all the same, `Connection: keep-alive` above all. They are left out of the answer, and that is said
//! once.

use super::call::Call;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::sync::Mutex;
use wire::message;

/// The headers. `Proxy-Status` is none of them: it is for the client.
const NAMES: [&str; 11] = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Trailers",
    "Transfer-Encoding",
    "Upgrade",
];

/// Some of these headers, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopByHop(u16);

impl HopByHop {
    /// Notes the name, if it is one of these headers.
    pub fn note(&mut self, name: &[u8]) -> bool {
        let found = NAMES.iter().position(|hop| name.eq_ignore_ascii_case(hop.as_bytes()));
        self.0 |= found.map_or(0, |at| 1 << at);
        found.is_some()
    }

    /// Says which headers of an answer were left out, unless this process has said it of the application.
    pub fn warn(self, call: &Call) {
        if self.0 == 0 {
            return;
        }
        let fresh = self.0 & !said(call.script(), &call.interpreter.context(), self.0);
        for (_, name) in NAMES.iter().enumerate().filter(|(at, _)| fresh & (1 << at) != 0) {
            let text = format!(
                "'{}' answers with the header '{name}', which only the server may set (RFC 9110, 7.6.1); the header is \
                 left out. Each process logs this once",
                wire::shown(call.script())
            );
            call.message(message::HOP_BY_HOP, text);
        }
    }
}

/// What was said of an application before, to which `more` is added.
fn said(script: &[u8], context: &str, more: u16) -> u16 {
    /// Applications that are remembered; of others nothing is said, so that a log cannot be flooded either.
    const MOST: usize = 1000;
    static SAID: Mutex<FxHashMap<(Vec<u8>, String), u16>> = Mutex::new(FxHashMap::with_hasher(FxBuildHasher));
    let mut said = os::lock(&SAID);
    let key = (script.to_vec(), context.to_owned());
    if said.len() >= MOST && !said.contains_key(&key) {
        return more;
    }
    let of_it = said.entry(key).or_default();
    std::mem::replace(of_it, *of_it | more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case() {
        let mut dropped = HopByHop::default();
        for name in ["connection", "TRANSFER-ENCODING", "te", "Trailer", "keep-alive", "proxy-connection"] {
            let before = dropped;
            assert!(dropped.note(name.as_bytes()) && dropped != before, "{name}");
        }
        let before = dropped;
        for name in ["Content-Length", "Proxy-Status", "TEX", "X-Upgrade", ""] {
            assert!(!dropped.note(name.as_bytes()), "{name}");
        }
        assert_eq!(dropped, before);
    }

    #[test]
    fn each_is_said_once_for_each_application() {
        assert_eq!(said(b"/hop/a", "main", 0b01), 0);
        assert_eq!(said(b"/hop/a", "main", 0b11), 0b01);
        assert_eq!(said(b"/hop/a", "main", 0b11), 0b11);
        assert_eq!(said(b"/hop/a", "other", 0b11), 0);
        assert_eq!(said(b"/hop/b", "main", 0b01), 0);
    }
}
