//! Numbers and texts one after another: how everything that travels between processes is written. Little-endian.
//!
//! A reader gets bytes that another process wrote: whatever they are, it answers a value or [`Malformed`], allocates
//! no more than the bytes that are there, and looks at nothing beyond their end.

/// What came is not what the other side may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "malformed {}", self.0)
    }
}

/// Reads what [`Writer`] wrote.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

macro_rules! numbers {
    ($($name:ident $number:ty),*) => {
        $(
            #[doc = concat!("A `", stringify!($number), "`.")]
            pub fn $name(&mut self) -> Result<$number, Malformed> {
                let (number, rest) = self.rest.split_first_chunk().ok_or(Malformed(self.what))?;
                self.rest = rest;
                Ok(<$number>::from_le_bytes(*number))
            }
        )*
    };
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `what` they are, for the error.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    numbers!(u8 u8, u16 u16, u32 u32, u64 u64, i32 i32, i64 i64);

    /// A text with its length before it.
    pub fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u32()? as usize;
        let (text, rest) = self.rest.split_at_checked(len).ok_or(Malformed(self.what))?;
        self.rest = rest;
        Ok(text)
    }

    /// Texts, with their number before them.
    pub fn texts(&mut self) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut texts = Vec::new();
        for _ in 0..self.u32()? {
            texts.push(self.text()?.to_vec());
        }
        Ok(texts)
    }

    /// Reads `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed(self.what))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Reads a flag.
    pub fn flag(&mut self) -> Result<bool, Malformed> {
        Ok(self.u8()? != 0)
    }

    /// Seconds, a float.
    pub fn f64(&mut self) -> Result<f64, Malformed> {
        let number = f64::from_bits(self.u64()?);
        if number.is_finite() { Ok(number) } else { Err(Malformed(self.what)) }
    }

    /// The unread bytes.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed(self.what)) }
    }
}

/// Writes to the end of a vector.
pub struct Writer<'a>(pub &'a mut Vec<u8>);

impl Writer<'_> {
    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Writes a `u8`.
    pub fn u8(&mut self, number: u8) -> &mut Self {
        self.raw(&[number])
    }

    /// Writes a flag.
    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.u8(flag.into())
    }

    /// Writes a `u16`.
    pub fn u16(&mut self, number: u16) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }

    /// Writes a `u32`.
    pub fn u32(&mut self, number: u32) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }

    /// Writes an `i32`.
    pub fn i32(&mut self, number: i32) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }

    /// Writes a `u64`.
    pub fn u64(&mut self, number: u64) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }

    /// Writes an `i64`.
    pub fn i64(&mut self, number: i64) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }

    /// Writes an `f64`.
    pub fn f64(&mut self, number: f64) -> &mut Self {
        self.u64(number.to_bits())
    }

    /// A text with its length before it. Longer ones than 4 GiB there are none.
    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        self.u32(text.len() as u32).raw(text)
    }

    /// Texts, with their number before them.
    pub fn texts(&mut self, texts: &[Vec<u8>]) -> &mut Self {
        self.u32(texts.len() as u32);
        texts.iter().fold(self, |w, text| w.text(text))
    }
}

/// A number for some bytes, the same in every process and build (FNV-1a).
pub const fn hash(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        Writer(&mut bytes).u8(1).u16(2).u32(3).i32(-4).u64(5).i64(-6).f64(0.5).flag(true).text(b"seven");
        let mut reader = Reader::new(&bytes, "test");
        assert_eq!((reader.u8(), reader.u16(), reader.u32()), (Ok(1), Ok(2), Ok(3)));
        assert_eq!((reader.i32(), reader.u64(), reader.i64()), (Ok(-4), Ok(5), Ok(-6)));
        assert_eq!((reader.f64(), reader.flag(), reader.text()), (Ok(0.5), Ok(true), Ok(&b"seven"[..])));
        assert_eq!(reader.u8(), Err(Malformed("test")));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_length_beyond_the_end_is_malformed() {
        assert_eq!(Reader::new(b"\xff\xff\xff\xffx", "text").text(), Err(Malformed("text")));
        assert_eq!(Reader::new(b"\x01\x00", "text").text(), Err(Malformed("text")));
    }
}
