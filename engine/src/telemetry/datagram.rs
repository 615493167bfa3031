//! The form of what is sent: a header of 24 bytes, and records of a field, a type and a value; numbers are little-endian.

use std::time::{SystemTime, UNIX_EPOCH};

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// What was measured in an interval.
    Sample = 2,
    /// A request that takes, or has taken, long.
    Slow = 4,
    /// The process has started.
    Started = 5,
    /// It takes no requests any more.
    Stopping = 6,
    /// It ends.
    Stopped = 7,
    /// Numbers of a garbage collector.
    Collector = 8,
    /// A garbage collection.
    Collection = 9,
}

const U64: u8 = 1;
const F64: u8 = 2;
const BYTES: u8 = 4;
const I32S: u8 = 5;
const F64S: u8 = 6;

/// Bytes of the header.
const HEADER: usize = 24;

/// A datagram that is being written.
#[derive(Clone, Debug)]
pub struct Datagram(Vec<u8>);

impl Datagram {
    /// One without records.
    pub fn new(kind: Kind) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(b"WSGI");
        bytes.extend_from_slice(&[1, kind as u8, 0, 0]);
        bytes.resize(HEADER, 0);
        bytes[8..12].copy_from_slice(&std::process::id().to_le_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        bytes[16..24].copy_from_slice(&now.to_le_bytes());
        Self(bytes)
    }

    fn record(&mut self, field: u16, kind: u8, value: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&field.to_le_bytes());
        self.0.push(kind);
        self.0.extend_from_slice(value);
        self
    }

    /// Adds a number.
    pub fn int(&mut self, field: u16, value: u64) -> &mut Self {
        self.record(field, U64, &value.to_le_bytes())
    }

    /// Adds a number.
    pub fn float(&mut self, field: u16, value: f64) -> &mut Self {
        self.record(field, F64, &value.to_le_bytes())
    }

    /// Adds a time of so many microseconds.
    pub fn micros(&mut self, field: u16, value: u64) -> &mut Self {
        self.float(field, value as f64 / 1e6)
    }

    /// Adds a text, unless it is empty.
    pub fn text(&mut self, field: u16, value: &[u8]) -> &mut Self {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        if value.is_empty() {
            return self;
        }
        self.record(field, BYTES, &(value.len() as u16).to_le_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// Adds an array of numbers.
    pub fn ints(&mut self, field: u16, values: impl ExactSizeIterator<Item = u64>) -> &mut Self {
        self.record(field, I32S, &(values.len() as u16).to_le_bytes());
        for value in values {
            self.0.extend_from_slice(&i32::try_from(value).unwrap_or(i32::MAX).to_le_bytes());
        }
        self
    }

    /// Adds an array of numbers.
    pub fn floats(&mut self, field: u16, values: impl ExactSizeIterator<Item = f64>) -> &mut Self {
        self.record(field, F64S, &(values.len() as u16).to_le_bytes());
        values.for_each(|value| self.0.extend_from_slice(&value.to_le_bytes()));
        self
    }

    /// The bytes, as the datagram of this number.
    pub fn numbered(mut self, sequence: u32) -> Vec<u8> {
        self.0[12..16].copy_from_slice(&sequence.to_le_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_behind_the_header() {
        let mut datagram = Datagram::new(Kind::Started);
        datagram.text(1, b"6.1.1").text(2, b"").int(7, 258).float(13, 0.5);
        datagram.ints(90, [1u64, u64::MAX].into_iter()).floats(111, [1.5].into_iter());
        let bytes = datagram.numbered(3);
        assert_eq!(bytes[..8], *b"WSGI\x01\x05\0\0");
        assert_eq!(bytes[8..12], std::process::id().to_le_bytes());
        assert_eq!(bytes[12..16], [3, 0, 0, 0]);
        let expected = [
            &b"\x01\0\x04\x05\x006.1.1"[..],
            b"\x07\0\x01\x02\x01\0\0\0\0\0\0",
            b"\x0d\0\x02\0\0\0\0\0\0\xe0\x3f",
            b"\x5a\0\x05\x02\0\x01\0\0\0\xff\xff\xff\x7f",
            b"\x6f\0\x06\x01\0\0\0\0\0\0\0\xf8\x3f",
        ];
        assert_eq!(bytes[24..], expected.concat());
    }
}
