//! The payload of a REQUEST frame.

use crate::codec::{Malformed, Reader, Writer};
use crate::{Stamp, frame};

const WHAT: &str = "request";

/// Flags of a request.
const FLAGS: usize = 9;

/// A request, as the worker needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
    /// The client gets no body whatever the application answers (HEAD).
    pub head_only: bool,
    /// `WSGIScriptReloading`
    pub reload: bool,
    /// The worker answers with a page of its own while the application does not start.
    pub own_pages: bool,
    /// The worker answers with a page of its own if the application raises.
    pub own_error_page: bool,
    /// `WSGIErrorDetails`
    pub error_details: bool,
    /// `WSGIIgnoreActivity`: the inactivity timer does not see this request.
    pub ignore_activity: bool,
    /// The beginning of the body follows in a BODY frame.
    pub body_follows: bool,
    /// A client may have chosen the name of the interpreter.
    pub named_by_client: bool,
    /// Most verbose level of the request's log.
    pub level: u8,
    /// When httpd received the request, microseconds since the epoch.
    pub received: i64,
    /// When the child began to look for a worker, likewise.
    pub queued: i64,
    /// The script as httpd saw it; unknown: ask the file system.
    pub stamp: Stamp,
    /// How the application starts: [`crate::worker::Plan::key`]; 0: as a script without warm-up.
    pub plan: u64,
    /// Path of the script.
    pub script: &'a [u8],
    /// Name of the interpreter; empty is the main one.
    pub group: &'a [u8],
    /// Name of the callable.
    pub callable: &'a [u8],
}

impl Head<'_> {
    /// The first two bytes of the payload.
    fn flags(&self) -> u16 {
        let flags: [bool; FLAGS] = [
            self.https,
            self.head_only,
            self.reload,
            self.own_pages,
            self.error_details,
            self.ignore_activity,
            self.body_follows,
            self.named_by_client,
            self.own_error_page,
        ];
        flags.iter().enumerate().fold(0, |all, (bit, &flag)| all | (u16::from(flag) << bit))
    }

    /// Appends the frame to `out`.
    pub fn put<'e>(&self, out: &mut Vec<u8>, environ: impl Iterator<Item = (&'e [u8], &'e [u8])>) {
        frame::put_with(out, frame::Kind::Request, |w| {
            w.u16(self.flags()).u8(self.level);
            w.i64(self.received).i64(self.queued).i64(self.stamp.modified);
            w.u64(self.stamp.device).u64(self.stamp.inode).u64(self.plan);
            w.text(self.script).text(self.group).text(self.callable);
            put_pairs(w, environ);
        });
    }
}

/// Clears the reload flag of a frame that [`Head::put`] made: the running code serves the request, changed or not.
pub fn without_reload_check(frame: &mut [u8]) {
    if let Some(flags) = frame.get_mut(frame::HEADER) {
        let [low, _] = Head { reload: true, ..Head::default() }.flags().to_le_bytes();
        *flags &= !low;
    }
}

/// Adds names and values.
pub fn put_pairs<'e>(w: &mut Writer<'_>, pairs: impl Iterator<Item = (&'e [u8], &'e [u8])>) {
    let place = w.0.len();
    w.u32(0);
    let mut count = 0u32;
    for (name, value) in pairs {
        w.text(name).text(value);
        count += 1;
    }
    w.0[place..place + 4].copy_from_slice(&count.to_le_bytes());
}

/// Names and values that were read.
#[derive(Clone)]
pub struct Pairs<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> Pairs<'a> {
    /// Reads them all, so that iterating finds nothing malformed.
    pub fn parse(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let left = reader.u32()?;
        let pairs = Self { reader: *reader, left };
        for _ in 0..left {
            reader.text()?;
            reader.text()?;
        }
        Ok(pairs)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some((self.reader.text().ok()?, self.reader.text().ok()?))
    }
}

/// Reads the payload: the request and its environ.
pub fn parse(payload: &[u8]) -> Result<(Head<'_>, Pairs<'_>), Malformed> {
    let mut reader = Reader::new(payload, WHAT);
    let flags = reader.u16()?;
    if flags >> FLAGS != 0 {
        return Err(Malformed(WHAT));
    }
    let flag = |bit: u16| flags & (1 << bit) != 0;
    let head = Head {
        https: flag(0),
        head_only: flag(1),
        reload: flag(2),
        own_pages: flag(3),
        error_details: flag(4),
        ignore_activity: flag(5),
        body_follows: flag(6),
        named_by_client: flag(7),
        own_error_page: flag(8),
        level: reader.u8()?,
        received: reader.i64()?,
        queued: reader.i64()?,
        stamp: Stamp { modified: reader.i64()?, device: reader.u64()?, inode: reader.u64()? },
        plan: reader.u64()?,
        script: reader.text()?,
        group: reader.text()?,
        callable: reader.text()?,
    };
    let pairs = Pairs::parse(&mut reader)?;
    reader.end()?;
    Ok((head, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_comes_back_as_it_was() {
        let head = Head {
            reload: true,
            body_follows: true,
            named_by_client: true,
            own_error_page: true,
            received: 7,
            stamp: Stamp { modified: 5, device: 3, inode: u64::MAX },
            plan: 9,
            script: b"/x.wsgi",
            callable: b"application",
            ..Head::default()
        };
        let environ = [(&b"PATH_INFO"[..], &b"/\xff"[..])];
        let mut out = Vec::new();
        head.put(&mut out, environ.into_iter());
        let (parsed, pairs) = parse(&out[frame::HEADER..]).unwrap();
        assert_eq!(parsed, head);
        assert_eq!(pairs.collect::<Vec<_>>(), environ);
        for end in frame::HEADER..out.len() {
            assert!(parse(&out[frame::HEADER..end]).is_err(), "cut at {end}");
        }
        without_reload_check(&mut out);
        let (parsed, _) = parse(&out[frame::HEADER..]).unwrap();
        assert_eq!(parsed, Head { reload: false, ..head });
    }
}
