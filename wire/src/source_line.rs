//! Where a line of the log comes from.

use crate::Slice;

/// The line of source code that something was logged from: `%F` of ErrorLogFormat.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SourceLine<'a> {
    /// Path of the file; empty: the module itself.
    pub file: Slice<'a>,
    /// The line, from 1 on.
    pub number: u32,
}

impl<'a> SourceLine<'a> {
    /// The module itself, whose lines have numbers of their own.
    pub const NONE: Self = Self { file: Slice::EMPTY, number: 0 };

    /// A line of this file. Of a path beyond [`Self::LONGEST`] bytes the beginning is left out.
    pub fn of(file: &'a [u8], number: u32) -> Self {
        let start = file.len().saturating_sub(Self::LONGEST);
        Self { file: Slice::of(&file[start..]), number }
    }

    /// Longest path that is kept, in bytes.
    pub const LONGEST: usize = 4096;
}
