//! The Apache end of a request: its body comes in, its answer goes out, wherever the application runs.
#![deny(unsafe_code)]

mod answer;
mod conditions;
pub mod maps;

pub use answer::Head;

use crate::apache::Request;
use crate::apache::body::Body;
use crate::apache::brigade::Brigade;
use crate::config::RequestExt;
use conditions::Verdict;

/// A request on its way.
pub struct RequestContext<'r> {
    /// It.
    pub request: Request<'r>,
    /// Its body.
    pub body: Body<'r>,
    /// Its answer.
    pub answer: Brigade<'r>,
    sendfile: bool,
    /// Status and headers, until something is sent.
    pub head: Option<Head<'r>>,
    /// What the conditions of the request come to, once status and headers are set.
    verdict: Verdict,
    /// The status is one that has no content, whatever the application says.
    is_empty: bool,
}

impl<'r> RequestContext<'r> {
    /// That of a request that nothing was read of.
    pub fn new(request: Request<'r>) -> Self {
        Self {
            request,
            body: Body::new(request),
            answer: Brigade::new(request),
            sendfile: request.dir_config().enable_sendfile == Some(true),
            head: None,
            verdict: Verdict::Send,
            is_empty: false,
        }
    }
}
