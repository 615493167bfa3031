//! Texts in memory that others read while they change.

use core::sync::atomic::{AtomicU64, Ordering};

/// Room for a text of so many words of 8 bytes; what is longer is cut.
#[repr(C)]
pub struct Text<const WORDS: usize>([AtomicU64; WORDS]);

impl<const WORDS: usize> Text<WORDS> {
    /// Writes a text; behind it stands a zero, where there is room.
    pub fn put(&self, text: &[u8]) {
        let mut rest = text;
        for word in &self.0 {
            let mut bytes = [0; 8];
            let (part, behind) = rest.split_at(rest.len().min(8));
            bytes[..part.len()].copy_from_slice(part);
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
            if part.len() < 8 {
                return;
            }
            rest = behind;
        }
    }

    /// The text: what is no UTF-8, and what is no character that can be seen, becomes U+FFFD.
    pub fn get(&self) -> String {
        let mut bytes = Vec::new();
        for word in &self.0 {
            let word = word.load(Ordering::Relaxed).to_ne_bytes();
            let end = word.iter().position(|byte| *byte == 0);
            bytes.extend_from_slice(&word[..end.unwrap_or(8)]);
            if end.is_some() {
                break;
            }
        }
        let text = crate::shown(&bytes);
        text.chars().map(|c| if is_visible(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
    }
}

/// The character takes a place in a line, and does not turn the line around.
fn is_visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
