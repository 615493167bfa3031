//! Names and addresses of a request: of the server, the client and the connection.

use super::{Request, sys};
use std::ffi::CStr;

/// Names and addresses of the connection and what httpd derives from the request.
impl<'r> Request<'r> {
    /// The name that UseCanonicalName chooses.
    pub fn server_name(self) -> &'r [u8] {
        // SAFETY: a live request; the answer lives as it.
        unsafe {
            let name =
                sys::ap_escape_html2(self.pool().raw(), sys::ap_get_server_name_for_url(self.raw()), 0);
            super::text(name)
        }
    }

    /// The port that UseCanonicalName and UseCanonicalPhysicalPort choose.
    pub fn server_port(self) -> u16 {
        // SAFETY: a live request.
        unsafe { sys::ap_get_server_port(self.raw()) }
    }

    /// `http` or `https`, from the connection.
    pub fn scheme(self) -> &'r [u8] {
        // SAFETY: a live request; the answer lives as it.
        unsafe { super::text(sys::ap_run_http_scheme(self.raw())) }
    }

    /// The connection is TLS.
    pub fn is_tls(self) -> bool {
        // SAFETY: a live connection.
        unsafe { sys::ap_ssl_conn_is_ssl(self.record().connection) != 0 }
    }

    /// A variable of mod_ssl for the request, if there are that module and such a variable.
    pub fn tls_variable(self, name: &CStr) -> Option<&'r [u8]> {
        let record = self.record();
        // SAFETY: a live request with its server and connection; the text lives as the pool.
        let text = unsafe {
            let (server, connection) = (record.server, record.connection);
            sys::ap_ssl_var_lookup(self.pool().raw(), server, connection, self.raw(), name.as_ptr())
        };
        (!text.is_null()).then(|| super::text(text))
    }

    /// DocumentRoot.
    pub fn document_root(self) -> &'r [u8] {
        // SAFETY: a live request; the answer lives as it.
        unsafe { super::text(sys::ap_document_root(self.raw())) }
    }

    /// Prefix of the mapping (mod_alias).
    pub fn context_prefix(self) -> &'r [u8] {
        // SAFETY: a live request; the answer lives as it.
        unsafe { super::text(sys::ap_context_prefix(self.raw())) }
    }

    /// Document root of the mapping.
    pub fn context_document_root(self) -> &'r [u8] {
        // SAFETY: a live request; the answer lives as it.
        unsafe { super::text(sys::ap_context_document_root(self.raw())) }
    }

    /// Address of the client; mod_remoteip is honoured.
    pub fn client_ip(self) -> &'r [u8] {
        super::text(self.record().useragent_ip)
    }

    /// Name of the client's host if httpd has looked it up (HostnameLookups), else its address.
    pub fn client_host(self) -> &'r [u8] {
        // SAFETY: a live request; the name lives as the request or its connection.
        super::text(unsafe {
            sys::ap_get_useragent_host(self.raw(), sys::REMOTE_NAME as i32, std::ptr::null_mut())
        })
    }

    /// The line below pages that httpd makes (ServerSignature).
    pub fn signature(self) -> &'r [u8] {
        // SAFETY: a live request; the text is of its pool.
        super::text(unsafe { sys::ap_psignature(c"".as_ptr(), self.raw()) })
    }

    /// Port of the client.
    pub fn client_port(self) -> u16 {
        let address = self.record().useragent_addr;
        // SAFETY: null or an address that lives as the request.
        if address.is_null() { 0 } else { unsafe { (*address).port } }
    }

    /// Address that the client connected to.
    pub fn local_ip(self) -> &'r [u8] {
        super::text(self.connection().local_ip)
    }

    /// The address and port of the `Listen` it came through; no address means all.
    pub fn listener(self) -> (&'r [u8], u16) {
        let address = self.connection().local_addr;
        if address.is_null() {
            return (b"", 0);
        }
        // SAFETY: an address that lives as the connection.
        unsafe { (super::text((*address).hostname), (*address).port) }
    }
}
