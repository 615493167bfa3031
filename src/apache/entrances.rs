//! The ports through which visitors reach a server, as far as the configuration shows.

use super::{Server, sys};

/// A port that visitors come through, and what they call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The port that httpd listens on.
    pub local: u16,
    /// The port beside the name in their requests; `None`: none is there, and the port of ServerName counts.
    pub named: Option<u16>,
}

/// An address as the configuration has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address<'a> {
    /// 4 or 16 bytes, all of them zero for every address of the machine.
    ip: &'a [u8],
    /// 0: every port.
    port: u16,
}

impl<'a> Address<'a> {
    /// # Safety
    /// `address` is null or a live address, which lives for `'a`.
    unsafe fn new(address: *const sys::apr_sockaddr_t, port: u16) -> Option<Self> {
        // SAFETY: says the caller; APR keeps length and bytes of the address in it.
        unsafe {
            let address = address.as_ref().filter(|address| !address.ipaddr_ptr.is_null())?;
            let ip = std::slice::from_raw_parts(address.ipaddr_ptr.cast::<u8>(), address.ipaddr_len as usize);
            Some(Self { ip, port })
        }
    }

    fn is_any(self) -> bool {
        self.ip.iter().all(|byte| *byte == 0)
    }

    /// A virtual host at this address gets some of the connections to `listener`, or, with `all`, every one.
    fn takes(self, listener: Address<'_>, all: bool) -> bool {
        let port = self.port == 0 || self.port == listener.port;
        port && (self.is_any() || self.ip == listener.ip || (!all && listener.is_any()))
    }
}

impl<'c> Server<'c> {
    /// The ports through which visitors reach the server, in the order of the configuration; none if virtual hosts take
    /// every connection.
    pub fn entrances(self) -> Vec<Entrance> {
        let listeners = listeners();
        let mut ports: Vec<u16> = Vec::new();
        for listener in listeners {
            if self.is_reached_by(listener) && !ports.contains(&listener.port) {
                ports.push(listener.port);
            }
        }
        entrances(&ports, self.record().port, if self.uses_tls() { 443 } else { 80 })
    }

    fn is_reached_by(self, listener: Address<'_>) -> bool {
        if self.is_virtual() {
            return self.addresses().any(|address| address.takes(listener, false));
        }
        // The main server's list goes on with all virtual hosts.
        !self.all().skip(1).any(|host| host.addresses().any(|address| address.takes(listener, true)))
    }

    /// The addresses of its `<VirtualHost …>`.
    fn addresses(self) -> impl Iterator<Item = Address<'c>> {
        let mut next = self.record().addrs;
        std::iter::from_fn(move || {
            // SAFETY: a list of the configuration, null or live for 'c.
            let address = unsafe { next.as_ref() }?;
            next = address.next;
            // SAFETY: as above.
            Some(unsafe { Address::new(address.host_addr, address.host_port) })
        })
        .flatten()
    }
}

/// What `Listen` says, in the order of the configuration.
fn listeners() -> Vec<Address<'static>> {
    let mut found = Vec::new();
    // SAFETY: httpd's list, which lives as the configuration and is not changed once that is read.
    unsafe {
        let mut next = (&raw const sys::ap_listeners).read();
        while let Some(listener) = next.as_ref() {
            let port = listener.bind_addr.as_ref().map_or(0, |address| address.port);
            found.extend(Address::new(listener.bind_addr, port));
            next = listener.next;
        }
    }
    // httpd puts each in front of those it has.
    found.reverse();
    found
}

/// Of a server that is reached through these ports, whose ServerName has the port `own` or (0) none. `usual` is the port that
/// clients leave out.
fn entrances(ports: &[u16], own: u16, usual: u16) -> Vec<Entrance> {
    let named = |local: u16| if own != 0 && local == usual { None } else { Some(local) };
    let mut found: Vec<_> = ports.iter().map(|&local| Entrance { local, named: named(local) }).collect();
    // Something in front of the server, which httpd does not listen on itself: visitors of that give no port, or its own.
    if let Some(&local) =
        ports.first().filter(|_| own != 0 && !ports.contains(&own) && !ports.contains(&usual))
    {
        found.insert(0, Entrance { local, named: None });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &[u8] = &[0; 4];
    const ANY_6: &[u8] = &[0; 16];
    const ONE: &[u8] = &[10, 0, 0, 1];
    const OTHER: &[u8] = &[10, 0, 0, 2];

    fn at(ip: &[u8], port: u16) -> Address<'_> {
        Address { ip, port }
    }

    #[test]
    fn a_virtual_host_takes_connections_of_its_address_and_port() {
        for (host, listener, some, all) in [
            (at(ANY, 80), at(ANY_6, 80), true, true),
            (at(ANY, 80), at(ONE, 80), true, true),
            (at(ANY, 0), at(ONE, 81), true, true),
            (at(ANY, 80), at(ANY, 81), false, false),
            (at(ONE, 80), at(ANY, 80), true, false),
            (at(ONE, 80), at(ONE, 80), true, true),
            (at(ONE, 0), at(OTHER, 80), false, false),
        ] {
            assert_eq!(
                (host.takes(listener, false), host.takes(listener, true)),
                (some, all),
                "{host:?} {listener:?}"
            );
        }
    }

    #[test]
    fn what_visitors_call_the_port() {
        let by = |ports: &[u16], own, usual| {
            entrances(ports, own, usual).iter().map(|e| (e.local, e.named)).collect::<Vec<_>>()
        };
        assert_eq!(by(&[80, 8080], 0, 80), [(80, Some(80)), (8080, Some(8080))]);
        assert_eq!(by(&[8080], 8080, 80), [(8080, Some(8080))]);
        assert_eq!(by(&[80], 80, 80), [(80, None)]);
        assert_eq!(by(&[80, 8080], 9000, 80), [(80, None), (8080, Some(8080))], "httpd takes ServerName's");
        assert_eq!(by(&[8080], 443, 80), [(8080, None), (8080, Some(8080))], "behind something");
        assert_eq!(by(&[443], 8443, 443), [(443, None)]);
        assert_eq!(by(&[], 8080, 80), []);
    }
}
