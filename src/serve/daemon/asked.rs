//! A request as it goes to a process: its frames, and what of its body goes along.

use super::block::Block;
use wire::frame::{Body, Header, Kind};
use wire::request::{Head, without_reload_check};

/// A request, kept until no other process may get it.
#[derive(Default)]
pub struct Asked {
    /// The REQUEST frame, and the header of the BODY frame if there is one.
    frames: Vec<u8>,
    /// The payload of the BODY frame, which is not copied.
    body: Option<Block>,
}

impl Asked {
    /// A request with this environ and the beginning of its body.
    pub fn new<'e>(
        head: &Head<'_>,
        environ: impl Iterator<Item = (&'e [u8], &'e [u8])>,
        body: Option<(Block, Body)>,
    ) -> Self {
        let mut frames = Vec::with_capacity(4096);
        head.put(&mut frames, environ);
        let body = body.map(|(block, state)| {
            let header = Header { kind: Kind::Body, flag: state.flag(), len: block.as_ref().len() };
            frames.extend_from_slice(&header.bytes());
            block
        });
        Self { frames, body }
    }

    /// What is sent, in this order.
    pub fn parts(&self) -> [&[u8]; 2] {
        [&self.frames, self.body.as_ref().map_or(&[], Block::as_ref)]
    }

    /// The running code serves it, changed or not.
    pub fn as_it_is(&mut self) {
        without_reload_check(&mut self.frames);
    }

    /// No process gets it any more.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
impl From<&[u8]> for Asked {
    fn from(frames: &[u8]) -> Self {
        Self { frames: frames.to_vec(), body: None }
    }
}
