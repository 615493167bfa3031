//! The Apache end of a request: its body comes in, its answer goes out, wherever the application runs.
#![deny(unsafe_code)]

mod answer;
mod conditions;
pub mod maps;
mod returned;
mod timing;

pub use answer::Head;
pub use returned::Returned;

use crate::apache::Request;
use crate::apache::body::Body;
use crate::apache::brigade::Brigade;
use crate::config::RequestExt;
use crate::ledger::Stay;
use conditions::Verdict;
use timing::Timing;

/// A request on its way.
pub struct RequestContext<'r> {
    /// The request.
    pub request: Request<'r>,
    /// The body of the request.
    pub body: Body<'r>,
    /// The answer, as far as it is not sent.
    pub answer: Brigade<'r>,
    sendfile: bool,
    /// Where the request is.
    pub stay: &'r Stay,
    /// What the client is told of how long it took.
    pub timing: Timing,
    /// Status and headers, until something is sent.
    pub head: Option<Head<'r>>,
    /// What the functions returned that were asked about the request.
    pub returned: Vec<Returned>,
    /// The result of the request's conditions, once status and headers are set.
    verdict: Verdict,
    /// The status is one that has no content, whatever the application says.
    is_empty: bool,
}

impl<'r> RequestContext<'r> {
    /// Makes the context of a request of which nothing was read.
    pub fn new(request: Request<'r>, stay: &'r Stay) -> Self {
        Self {
            request,
            body: Body::new(request),
            answer: Brigade::new(request),
            sendfile: request.dir_config().enable_sendfile == Some(true),
            stay,
            timing: Timing::of(request),
            head: None,
            returned: Vec::new(),
            verdict: Verdict::Send,
            is_empty: false,
        }
    }
}
