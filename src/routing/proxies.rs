//! What trusted proxies tell of a request.

use crate::apache::Request;
use crate::config::{Category, DirConfig, HEADERS, Network, ProxyHeader, Reading};
use std::net::IpAddr;

/// What the headers of a trusted proxy say; the last one of each category counts.
pub struct Forwarded<'r> {
    /// The header that counts, and what it says, of each [`Category`].
    told: [Option<(&'static ProxyHeader, Vec<u8>)>; 6],
    /// Categories of which the configuration names a header.
    active: [bool; 6],
    /// X-Forwarded-For as the application sees it, if it differs from what came.
    chain: Option<Vec<u8>>,
    request: Request<'r>,
}

impl<'r> Forwarded<'r> {
    /// What counts in this request; `None` if no header is trusted here.
    pub fn of(request: Request<'r>, config: &DirConfig) -> Option<Self> {
        let trusted = config.trusted_headers.as_ref().filter(|headers| !headers.is_empty())?;
        let proxies = config.trusted_proxies.as_deref();
        let mut forwarded = Self { told: Default::default(), active: [false; 6], chain: None, request };
        let believes = proxies.is_none_or(|proxies| is_in(proxies, request.client_ip()));
        for header in trusted.iter() {
            forwarded.active[header.category as usize] = true;
            let value = || {
                let all = request.headers_in().iter();
                let mut named = all.filter(|(name, _)| name.eq_ignore_ascii_case(header.name.as_bytes()));
                named.next().map(|(_, value)| value)
            };
            if believes && let Some(value) = value() {
                forwarded.apply(header, value, proxies);
            }
        }
        Some(forwarded)
    }

    fn apply(&mut self, header: &'static ProxyHeader, value: &[u8], proxies: Option<&[Network]>) {
        let told = match (header.reading, proxies) {
            (Reading::Chain, None) => elements(value).next().map(<[u8]>::to_vec),
            (Reading::Chain, Some(proxies)) => {
                let elements: Vec<&[u8]> = elements(value).collect();
                let client = elements.iter().rposition(|element| !is_in(proxies, element)).unwrap_or(0);
                self.chain = (client > 0).then(|| elements[client..].join(&b", "[..]));
                elements.get(client).map(|client| client.to_vec())
            }
            _ => Some(value.to_vec()),
        };
        // Without an address in it nothing is told, but it is the one that is kept.
        self.told[header.category as usize] =
            Some((header, told.unwrap_or_else(|| self.request.client_ip().to_vec())));
    }

    /// What is told of this category.
    pub fn told(&self, category: Category) -> Option<&[u8]> {
        self.told[category as usize].as_ref().map(|(_, value)| &value[..])
    }

    /// Whether the client used TLS; `None`: a header of this kind came, and says neither.
    pub fn https(&self) -> Option<Option<bool>> {
        let (header, value) = self.told[Category::Scheme as usize].as_ref()?;
        let is = |texts: &[&str]| texts.iter().any(|text| value.eq_ignore_ascii_case(text.as_bytes()));
        let (yes, no): (&[&str], &[&str]) = match header.reading {
            Reading::Flag => (&["on", "true", "1"], &["off", "false", "0"]),
            _ => (&["https"], &["http"]),
        };
        Some(if is(yes) { Some(true) } else { is(no).then_some(false) })
    }

    /// Whether the application does not get this header: another one of its category counts, or none.
    pub fn drops(&self, name: &[u8]) -> bool {
        let known = HEADERS.iter().find(|header| name.eq_ignore_ascii_case(header.name.as_bytes()));
        known.is_some_and(|known| {
            let kept = self.told[known.category as usize].as_ref();
            self.active[known.category as usize] && kept.is_none_or(|(kept, _)| kept.name != known.name)
        })
    }

    /// What the application gets instead of the X-Forwarded-For that came.
    pub fn chain(&self, name: &[u8]) -> Option<&[u8]> {
        self.chain.as_deref().filter(|_| name.eq_ignore_ascii_case(b"X-Forwarded-For"))
    }
}

/// The addresses of a chain, without blanks and empty ones.
fn elements(chain: &[u8]) -> impl Iterator<Item = &[u8]> {
    chain.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Only addresses are: names are not looked up.
fn is_in(networks: &[Network], address: &[u8]) -> bool {
    let address: Option<IpAddr> = std::str::from_utf8(address).ok().and_then(|text| text.parse().ok());
    address.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
}
