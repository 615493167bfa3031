//! Whose word counts for who the client is: WSGITrustedProxyHeaders and WSGITrustedProxies.

use super::dir::DirConfig;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use wire::words::{Words, nearest};

/// What a trusted header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// REMOTE_ADDR
    Client,
    /// HTTP_HOST
    Host,
    /// SERVER_NAME
    Server,
    /// SERVER_PORT
    Port,
    /// SCRIPT_NAME
    Script,
    /// `wsgi.url_scheme`
    Scheme,
}

/// How the value of a trusted header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As it is.
    Text,
    /// Addresses, joined by commas: each proxy has added that of its client.
    Chain,
    /// `http` or `https`.
    Scheme,
    /// Whether the client used TLS: `On`, `true`, `1`, or `Off`, `false`, `0`.
    Flag,
}

/// A header by which a proxy tells of its client.
#[derive(Debug)]
pub struct ProxyHeader {
    /// Its name; requests may have it in any case.
    pub name: &'static str,
    /// What it tells.
    pub category: Category,
    /// How its value is read.
    pub reading: Reading,
}

/// Every header that WSGITrustedProxyHeaders knows.
pub static HEADERS: [ProxyHeader; 15] = {
    const fn header(name: &'static str, category: Category, reading: Reading) -> ProxyHeader {
        ProxyHeader { name, category, reading }
    }
    use Category::{Client, Host, Port, Scheme, Script, Server};
    [
        header("X-Forwarded-For", Client, Reading::Chain),
        header("X-Client-IP", Client, Reading::Text),
        header("X-Real-IP", Client, Reading::Text),
        header("X-Forwarded-Host", Host, Reading::Text),
        header("X-Host", Host, Reading::Text),
        header("X-Forwarded-Server", Server, Reading::Text),
        header("X-Forwarded-Port", Port, Reading::Text),
        header("X-Script-Name", Script, Reading::Text),
        header("X-Forwarded-Script-Name", Script, Reading::Text),
        header("X-Forwarded-Proto", Scheme, Reading::Scheme),
        header("X-Forwarded-Scheme", Scheme, Reading::Scheme),
        header("X-Scheme", Scheme, Reading::Scheme),
        header("X-Forwarded-HTTPS", Scheme, Reading::Flag),
        header("X-Forwarded-SSL", Scheme, Reading::Flag),
        header("X-HTTPS", Scheme, Reading::Flag),
    ]
};

/// The headers of a request that are believed, in the order of the configuration.
pub type TrustedHeaders = Arc<[&'static ProxyHeader]>;

/// A network, or one address, of trusted proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Bits above the prefix are 0; IPv4 in the last 32 bits.
    first: u128,
    /// Bits that count, of 128.
    prefix: u32,
    v4: bool,
}

impl Network {
    /// `10.1.2.3`, `10.1`, `10.1.0.0/16`, `10.1.0.0/255.255.0.0`, `2001:db8::1`, `2001:db8::/32`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, mask) =
            text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        if let Ok(address) = address.parse::<Ipv6Addr>() {
            let prefix = mask.map_or(Some(128), |mask| whole(mask).filter(|bits| *bits <= 128))?;
            // One that was mapped into IPv6 is an IPv4 address, as in `contains`.
            return Some(match address.to_ipv4_mapped().filter(|_| prefix >= 96) {
                Some(address) => Self::new(address.to_bits().into(), prefix, true),
                None => Self::new(address.to_bits(), prefix, false),
            });
        }
        let (address, given) = partial(address)?;
        let bits = match mask {
            // What is left out of an address is of no account.
            None => given * 8,
            Some(mask) => match mask.parse::<Ipv4Addr>() {
                Ok(mask) => {
                    let bits = mask.to_bits().leading_ones();
                    (mask.to_bits().checked_shl(bits).unwrap_or(0) == 0).then_some(bits)?
                }
                Err(_) => whole(mask).filter(|bits| *bits <= 32)?,
            },
        };
        Some(Self::new(address.into(), 96 + bits, true))
    }

    fn new(address: u128, prefix: u32, v4: bool) -> Self {
        Self { first: address & mask(prefix), prefix, v4 }
    }

    /// Whether the address is in the network. An IPv4 address that was mapped into IPv6 is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, v4) = match address.to_canonical() {
            IpAddr::V4(address) => (address.to_bits().into(), true),
            IpAddr::V6(address) => (address.to_bits(), false),
        };
        v4 == self.v4 && bits & mask(self.prefix) == self.first
    }
}

fn mask(prefix: u32) -> u128 {
    u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}

fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// An IPv4 address of one to four numbers; how many there are.
fn partial(text: &str) -> Option<(u32, u32)> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let numbers: Option<Vec<u32>> =
        text.split('.').map(|number| whole(number).filter(|number| *number < 256)).collect();
    let numbers = numbers.filter(|numbers| numbers.len() <= 4)?;
    let address = numbers.iter().fold(0, |address, number| (address << 8) | number);
    Some((address << (8 * (4 - numbers.len())), numbers.len() as u32))
}

/// Names of headers. Lines of one section add up.
pub fn set_headers(name: &str, section: &mut DirConfig, line: &[u8]) -> Result<(), String> {
    let mut headers = section.trusted_headers.take().map_or_else(Vec::new, |known| known.to_vec());
    let mut words = Words::of(line);
    while let Some(word) = words.word() {
        let word = wire::shown(&word).into_owned();
        if let Some(other) = word.chars().find(|letter| !letter.is_ascii_alphanumeric() && *letter != '-') {
            let remedy = nearest(&word, HEADERS.iter().map(|header| header.name))
                .map_or_else(String::new, |nearest| format!("; write {nearest}"));
            return Err(format!(
                "{name}: '{word}' has '{other}' in it, so Apache passes no such header on{remedy}"
            ));
        }
        // Others do nothing, as in mod_wsgi 6.
        headers.extend(HEADERS.iter().find(|header| header.name.eq_ignore_ascii_case(&word)));
    }
    section.trusted_headers = Some(headers.into());
    Ok(())
}

/// Addresses and networks. Lines of one section add up.
pub fn set_proxies(name: &str, section: &mut DirConfig, line: &[u8]) -> Result<(), String> {
    let mut networks = section.trusted_proxies.take().map_or_else(Vec::new, |known| known.to_vec());
    let mut words = Words::of(line);
    let before = networks.len();
    while let Some(word) = words.word() {
        let text = wire::shown(&word);
        let network = Network::parse(&text).ok_or_else(|| {
            format!(
                "Unable to parse trusted proxy IP address/subnet of \"{text}\". {name} takes addresses and networks such as \
                 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, no names"
            )
        })?;
        networks.push(network);
    }
    if networks.len() == before {
        return Err(format!("{name} requires at least one argument, addresses or networks of proxies"));
    }
    section.trusted_proxies = Some(networks.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, inside, outside) in [
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.1", "10.1.255.0", "10.2.0.0"),
            ("10.", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/16", "10.1.9.9", "10.0.255.255"),
            ("10.0.0.0/255.128.0.0", "10.127.255.255", "10.128.0.0"),
            ("2001:DB8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
        ] {
            assert!(contains(network, inside) && !contains(network, outside), "{network}");
        }
        assert!(contains("0.0.0.0/0", "255.255.255.255") && contains("::/0", "ffff::"));
    }

    #[test]
    fn kinds_of_addresses_are_kept_apart_but_for_mapped_ones() {
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(contains("::ffff:10.1.1.1", "10.1.1.1") && contains("::ffff:10.0.0.0/104", "10.1.1.1"));
        assert!(!contains("::ffff:10.1.1.1", "10.1.1.2"));
        assert!(!contains("::/0", "10.1.1.1"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(!contains("10.0.0.0/8", "::10.1.1.1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "x",
            "localhost",
            "256.1.1.1",
            "1.2.3.4.5",
            "10.1.2.3/33",
            "10.0.0.0/255.0.255.0",
            "::/129",
            "10.0.0.0/",
            "+1.2.3.4",
            "1..2",
            "10.0.0.0/8/8",
            "[::1]",
            "1.2.3.4:80",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_headers_add_up_and_bad_ones_are_explained() {
        let mut section = DirConfig::default();
        set_headers("D", &mut section, b"x-forwarded-for").unwrap();
        set_headers("D", &mut section, b"X-Other X-HOST").unwrap();
        let names: Vec<_> =
            section.trusted_headers.clone().unwrap().iter().map(|header| header.name).collect();
        assert_eq!(names, ["X-Forwarded-For", "X-Host"]);
        let why = set_headers("D", &mut section, b"X_Forwarded_For").unwrap_err();
        assert_eq!(
            why,
            "D: 'X_Forwarded_For' has '_' in it, so Apache passes no such header on; write X-Forwarded-For"
        );
    }
}
