//! What httpd's parent keeps for as long as it lives, whatever it reads and unloads: the groups' sockets and claims, its
//! supervisors, and the ledger. It stands in a file in memory that cannot be changed; at each change another one takes its place.

use crate::apache::{keep_number, kept_number};
use std::os::fd::{IntoRawFd, RawFd};
use wire::codec::{Malformed, Reader, Writer};

/// Under what name the parent keeps it. The number is that of its layout.
const NAME: &std::ffi::CStr = c"mod_wsgi process groups 3";

/// Everything that the parent keeps for the next reading of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Number of the last supervisor.
    pub serial: u64,
    /// Sockets, with what belongs to them.
    pub groups: Vec<KeptGroup>,
    /// Supervisors that may live.
    pub supervisors: Vec<KeptSupervisor>,
    /// Descriptor of the ledger's memory; `None`: there is none.
    pub ledger: Option<RawFd>,
    /// The layout of that.
    pub layout: u32,
    /// Names of the groups that have a row in it.
    pub rows: Vec<Vec<u8>>,
    /// The directory of the sockets at which processes are asked; `None`: there is none.
    pub questions: Option<Vec<u8>>,
}

/// A group's socket.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptGroup {
    /// What it is known by: name, users, and version of the link.
    pub key: u64,
    /// The listening socket.
    pub listener: RawFd,
    /// Descriptor of the scoreboard's memory.
    pub scoreboard: RawFd,
    /// Places among them.
    pub slots: u32,
    /// What only processes of the group know.
    pub token: [u8; 16],
    /// Where the socket is.
    pub path: Vec<u8>,
}

/// A supervisor that the parent knows.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptSupervisor {
    /// The supervisor's pid.
    pub pid: u32,
    /// The parent's end of its channel.
    pub channel: RawFd,
}

impl Kept {
    /// What was kept last.
    pub fn read() -> Self {
        let number = kept_number(NAME, || 1);
        let bytes = number.checked_sub(2).and_then(|fd| os::whole(fd as RawFd).ok());
        bytes.and_then(|bytes| Self::parse(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps it in the place of what was kept before.
    pub fn write(&self) -> std::io::Result<()> {
        let old = kept_number(NAME, || 1);
        let file = os::memory(NAME, &self.bytes())?;
        keep_number(NAME, file.into_raw_fd() as usize + 2);
        if let Some(old) = old.checked_sub(2) {
            os::close(old as RawFd);
        }
        Ok(())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut w = Writer(&mut bytes);
        w.u64(self.serial).u32(self.groups.len() as u32);
        for group in &self.groups {
            w.u64(group.key).i32(group.listener).i32(group.scoreboard).u32(group.slots);
            w.raw(&group.token).text(&group.path);
        }
        w.u32(self.supervisors.len() as u32);
        for supervisor in &self.supervisors {
            w.u32(supervisor.pid).i32(supervisor.channel);
        }
        w.i32(self.ledger.unwrap_or(-1)).u32(self.layout).u32(self.rows.len() as u32);
        for row in &self.rows {
            w.text(row);
        }
        w.text(self.questions.as_deref().unwrap_or_default());
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, "kept groups");
        let mut kept = Self { serial: reader.u64()?, ..Self::default() };
        for _ in 0..reader.u32()? {
            kept.groups.push(KeptGroup {
                key: reader.u64()?,
                listener: reader.i32()?,
                scoreboard: reader.i32()?,
                slots: reader.u32()?,
                token: reader.array()?,
                path: reader.text()?.to_vec(),
            });
        }
        for _ in 0..reader.u32()? {
            kept.supervisors.push(KeptSupervisor { pid: reader.u32()?, channel: reader.i32()? });
        }
        kept.ledger = Some(reader.i32()?).filter(|fd| *fd >= 0);
        kept.layout = reader.u32()?;
        for _ in 0..reader.u32()? {
            kept.rows.push(reader.text()?.to_vec());
        }
        kept.questions = Some(reader.text()?.to_vec()).filter(|path| !path.is_empty());
        reader.end()?;
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let kept = Kept {
            serial: 3,
            groups: vec![KeptGroup {
                key: 1,
                listener: 5,
                scoreboard: 6,
                slots: 32,
                token: [7; 16],
                path: b"/run/wsgi.sock".to_vec(),
            }],
            supervisors: vec![KeptSupervisor { pid: 9, channel: 10 }],
            ledger: Some(11),
            layout: 1,
            rows: vec![b"".to_vec(), b"shop".to_vec()],
            questions: Some(b"/run/wsgi.1.ask".to_vec()),
        };
        assert_eq!(Kept::parse(&kept.bytes()), Ok(kept));
        assert!(Kept::parse(b"x").is_err());
    }
}
