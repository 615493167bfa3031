//! What the error log says of a configuration that is accepted.

use crate::apache::{Pool, Server, hook, log, mpm};
use crate::config::ServerExt;
use wire::message;

/// The post-config hook.
pub struct Notices;

impl hook::Configured for Notices {
    fn run(_: Pool<'_>, main: Server<'_>) -> hook::Outcome {
        // The trial reading would say the same.
        if !mpm::is_first_pass() {
            for notice in &main.config().without_effect {
                log::server_message(Some(main), message::WITHOUT_EFFECT, notice);
            }
        }
        hook::Outcome::Go
    }
}
