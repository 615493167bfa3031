//! What may differ from one place of the site to the next: the per-directory configuration.

use super::proxies::{Network, TrustedHeaders};
use super::scripts::{self, Handlers, HookScript};
use crate::apache::Merge;
use std::sync::Arc;

/// A name that was typed.
pub type Name = Arc<[u8]>;

/// Settings of a server, directory, location, file or `.htaccess`. `None`: nothing was said here.
#[derive(Clone, Default)]
pub struct DirConfig {
    /// WSGIProcessGroup
    pub process_group: Option<Name>,
    /// WSGIApplicationGroup
    pub application_group: Option<Name>,
    /// WSGICallableObject
    pub callable: Option<Name>,
    /// WSGIPassAuthorization
    pub pass_authorization: Option<bool>,
    /// WSGIPassApacheRequest
    pub pass_apache_request: Option<bool>,
    /// WSGIScriptReloading
    pub script_reloading: Option<bool>,
    /// WSGIErrorOverride
    pub error_override: Option<bool>,
    /// WSGIChunkedRequest
    pub chunked_request: Option<bool>,
    /// WSGIMapHEADToGET
    pub map_head: Option<MapHead>,
    /// WSGIIgnoreActivity
    pub ignore_activity: Option<bool>,
    /// WSGIEnableSendfile
    pub enable_sendfile: Option<bool>,
    /// WSGIPreload
    pub preload: Option<Preload>,
    /// WSGIServerTiming
    pub server_timing: Option<bool>,
    /// WSGIErrorDetails
    pub error_details: Option<bool>,
    /// WSGIRestrictProcess: the process groups that may be chosen, empty for embedded mode.
    pub restrict_process: Option<Arc<[Name]>>,
    /// WSGITrustedProxyHeaders
    pub trusted_headers: Option<TrustedHeaders>,
    /// WSGITrustedProxies; none: every peer is trusted.
    pub trusted_proxies: Option<Arc<[Network]>>,
    /// WSGIAccessScript
    pub access_script: Option<Arc<HookScript>>,
    /// WSGIAuthUserScript
    pub auth_user_script: Option<Arc<HookScript>>,
    /// WSGIAuthGroupScript
    pub auth_group_script: Option<Arc<HookScript>>,
    /// WSGIDispatchScript
    pub dispatch_script: Option<Arc<HookScript>>,
    /// WSGIHandlerScript
    pub handlers: Option<Handlers>,
}

/// WSGIPreload: which applications are started with the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preload {
    /// No application is preloaded.
    Off,
    /// All applications are preloaded.
    On,
    /// Applications are preloaded within a budget of number and time.
    Auto,
}

/// WSGIMapHEADToGET: what an application sees of a HEAD request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapHead {
    /// The application sees HEAD.
    Off,
    /// The application sees GET.
    On,
    /// GET if a filter of the answer's content is installed, for which it needs the body.
    Auto,
}

impl Merge for DirConfig {
    fn merge(&self, over: &Self) -> Self {
        Self {
            process_group: over.process_group.clone().or_else(|| self.process_group.clone()),
            application_group: over.application_group.clone().or_else(|| self.application_group.clone()),
            callable: over.callable.clone().or_else(|| self.callable.clone()),
            pass_authorization: over.pass_authorization.or(self.pass_authorization),
            pass_apache_request: over.pass_apache_request.or(self.pass_apache_request),
            script_reloading: over.script_reloading.or(self.script_reloading),
            error_override: over.error_override.or(self.error_override),
            chunked_request: over.chunked_request.or(self.chunked_request),
            map_head: over.map_head.or(self.map_head),
            ignore_activity: over.ignore_activity.or(self.ignore_activity),
            enable_sendfile: over.enable_sendfile.or(self.enable_sendfile),
            preload: over.preload.or(self.preload),
            server_timing: over.server_timing.or(self.server_timing),
            error_details: over.error_details.or(self.error_details),
            restrict_process: over.restrict_process.clone().or_else(|| self.restrict_process.clone()),
            trusted_headers: over.trusted_headers.clone().or_else(|| self.trusted_headers.clone()),
            trusted_proxies: over.trusted_proxies.clone().or_else(|| self.trusted_proxies.clone()),
            access_script: over.access_script.clone().or_else(|| self.access_script.clone()),
            auth_user_script: over.auth_user_script.clone().or_else(|| self.auth_user_script.clone()),
            auth_group_script: over.auth_group_script.clone().or_else(|| self.auth_group_script.clone()),
            dispatch_script: over.dispatch_script.clone().or_else(|| self.dispatch_script.clone()),
            handlers: scripts::overlaid(self.handlers.as_ref(), over.handlers.as_ref()),
        }
    }
}

/// `On` or `Off`, in any case.
pub fn flag(text: &[u8]) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case(b"on") => Some(true),
        _ if text.eq_ignore_ascii_case(b"off") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_specific_place_wins_field_by_field() {
        let outer = DirConfig {
            callable: Some(b"outer"[..].into()),
            chunked_request: Some(true),
            ..DirConfig::default()
        };
        let inner = DirConfig {
            callable: Some(b"inner"[..].into()),
            map_head: Some(MapHead::Off),
            ..DirConfig::default()
        };
        let merged = outer.merge(&inner);
        assert_eq!(merged.callable.as_deref(), Some(&b"inner"[..]));
        assert_eq!(merged.chunked_request, Some(true));
        assert_eq!(merged.map_head, Some(MapHead::Off));
        assert_eq!(merged.script_reloading, None);
    }
}
