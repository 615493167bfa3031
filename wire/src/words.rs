//! Splits a directive's arguments into words and `name=value` options, quoted as httpd quotes.

/// The words of a line, taken one by one.
pub struct Words<'a>(&'a [u8]);

/// A `name=value` word.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// What stands before the `=`.
    pub name: Vec<u8>,
    /// What stands behind it, unquoted.
    pub value: Vec<u8>,
}

impl<'a> Words<'a> {
    /// The words of `line`.
    pub fn of(line: &'a [u8]) -> Self {
        Self(line.trim_ascii())
    }

    /// The next word. Single and double quotes group; within them a backslash takes the next quote or backslash
    /// literally (httpd: `ap_getword_conf`).
    pub fn word(&mut self) -> Option<Vec<u8>> {
        let (word, rest) = match self.0.first()? {
            &quote @ (b'"' | b'\'') => quoted(&self.0[1..], quote),
            _ => {
                let end = self.0.iter().position(u8::is_ascii_whitespace).unwrap_or(self.0.len());
                (self.0[..end].to_vec(), &self.0[end..])
            }
        };
        self.0 = rest.trim_ascii_start();
        Some(word)
    }

    /// The next word, if it is not empty.
    pub fn filled(&mut self) -> Option<Vec<u8>> {
        self.word().filter(|word| !word.is_empty())
    }

    /// The next word of a directive whose arguments may be options: `name=value` without the quotes of its value.
    pub fn argument(&mut self) -> Option<Vec<u8>> {
        match self.0.first()? {
            b'"' | b'\'' => self.word(),
            _ => match self.setting()? {
                Ok(Setting { name, value }) => Some([&name[..], b"=", &value].concat()),
                Err(word) => Some(word),
            },
        }
    }

    /// The next `name=value`; `Err` is the word that is none. Nothing may stand around the `=`: a blank there
    /// would make the next option a value.
    pub fn setting(&mut self) -> Option<Result<Setting, Vec<u8>>> {
        let end = self.0.iter().position(|&byte| byte == b'=' || byte.is_ascii_whitespace());
        let Some(end) = end.filter(|&end| self.0[end] == b'=' && end > 0) else {
            return self.word().map(Err);
        };
        let name = self.0[..end].to_vec();
        self.0 = &self.0[end + 1..];
        let spaced = self.0.first().is_some_and(u8::is_ascii_whitespace);
        if spaced {
            self.0 = self.0.trim_ascii_start();
            return Some(Err([&name[..], b"="].concat()));
        }
        Some(Ok(Setting { name, value: self.word().unwrap_or_default() }))
    }
}

/// The one of `names` that `word` is a slip of, if any: one letter in three may be wrong.
pub fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = names.map(|name| (slips(word.as_bytes(), name.as_bytes()), name)).min()?;
    (near.0 <= word.len().div_ceil(3).min(3) && !word.is_empty()).then_some(near.1)
}

/// How many letters to put in, leave out or change (Levenshtein distance).
fn slips(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.iter().enumerate() {
        let mut above_left = std::mem::replace(&mut row[0], at + 1);
        for (i, other) in to.iter().enumerate() {
            let changed = above_left + usize::from(letter != other);
            above_left = row[i + 1];
            row[i + 1] = changed.min(row[i] + 1).min(above_left + 1);
        }
    }
    row[to.len()]
}

fn quoted(text: &[u8], quote: u8) -> (Vec<u8>, &[u8]) {
    let mut word = Vec::new();
    let mut at = 0;
    while at < text.len() && text[at] != quote {
        if text[at] == b'\\' && text.get(at + 1).is_some_and(|&next| next == quote || next == b'\\') {
            at += 1;
        }
        word.push(text[at]);
        at += 1;
    }
    (word, text.get(at + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str) -> Vec<Result<(String, String), String>> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let mut words = Words::of(line.as_bytes());
        std::iter::from_fn(|| words.setting())
            .map(|setting| setting.map(|s| (text(s.name), text(s.value))).map_err(text))
            .collect()
    }

    fn ok(name: &str, value: &str) -> Result<(String, String), String> {
        Ok((name.into(), value.into()))
    }

    #[test]
    fn quotes_group_words() {
        let mut words = Words::of(br#" /a "/my dir/\"x\".wsgi"  'b c' "#);
        assert_eq!(words.word().unwrap(), b"/a");
        assert_eq!(words.word().unwrap(), br#"/my dir/"x".wsgi"#);
        assert_eq!(words.word().unwrap(), b"b c");
        assert_eq!(words.word(), None);
    }

    #[test]
    fn quotes_alone_fill_nothing() {
        let mut words = Words::of(br#"/a "" ''"#);
        assert_eq!([words.filled(), words.filled(), words.word()], [Some(b"/a".into()), None, Some(vec![])]);
    }

    #[test]
    fn arguments_are_words_or_options() {
        let mut words = Words::of(br#"WSGIScriptAlias / "/a=b c/d.wsgi" x='y z' "#);
        let all: Vec<Vec<u8>> = std::iter::from_fn(|| words.argument()).collect();
        assert_eq!(all, [&b"WSGIScriptAlias"[..], b"/", b"/a=b c/d.wsgi", b"x=y z"]);
    }

    #[test]
    fn settings_may_be_quoted_and_empty() {
        assert_eq!(settings(r#"a=1 b="x y" c="#), [ok("a", "1"), ok("b", "x y"), ok("c", "")]);
        assert_eq!(settings("a=x=y"), [ok("a", "x=y")]);
    }

    #[test]
    fn a_slip_is_told_from_another_word() {
        let nearest = |word| nearest(word, ["threads", "home", "user", "group"].into_iter());
        assert_eq!(nearest("thread"), Some("threads"));
        assert_eq!(nearest("tihreads"), Some("threads"));
        assert_eq!(nearest("usr"), Some("user"));
        assert_eq!(nearest("user"), Some("user"));
        assert_eq!(nearest("workers"), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn a_blank_beside_the_equals_sign_is_an_error_and_swallows_nothing() {
        assert_eq!(settings("a= b=2"), [Err("a=".into()), ok("b", "2")]);
        assert_eq!(settings("a =b"), [Err("a".into()), Err("=b".into())]);
        assert_eq!(settings("word"), [Err("word".into())]);
    }
}
