//! What pages of the module have in common: the look, text that stays text, and what they may load.

use std::fmt::{self, Display, Formatter, Write};

/// The beginning of each page's style.
pub const LOOK: &str = include_str!("look.css");

/// Content-Security-Policy of a page that needs nothing from elsewhere: its own style and script have this nonce, and it may ask
/// its own server.
pub fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// A nonce of these random bytes.
pub fn nonce(random: [u8; 16]) -> String {
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text of whatever origin, for a page.
pub struct Text<'a>(pub &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(plain(c))?,
            }
        }
        Ok(())
    }
}

/// The character, if it is one that can be seen or ends a line; else U+FFFD.
pub fn plain(c: char) -> char {
    if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(Text("<b a='\"'>&\u{1b}\n").to_string(), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}\n");
    }
}
