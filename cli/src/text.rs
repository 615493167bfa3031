//! Text as Apache, a shell and Python read it.

use crate::failure::Failure;

/// A value of a configuration, in quotes.
pub fn quoted(value: &str) -> Result<String, Failure> {
    if value.contains(['\n', '\r', '\0']) || value.contains("${") {
        return Err(Failure::usage(format!(
            "{value:?} cannot stand in a configuration of Apache; leave out line breaks and ${{"
        )));
    }
    Ok(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A value of a configuration, in quotes only where it needs them.
pub fn word(value: &str) -> Result<String, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "%{}-_.:/,=+".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) && !value.contains("${") {
        return Ok(value.to_owned());
    }
    quoted(value)
}

/// A word of a shell's command line.
pub fn shell(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,%@+".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// A string of Python.
pub fn python(value: &str) -> String {
    let mut text = String::from("'");
    for c in value.chars() {
        match c {
            '\\' | '\'' => text.extend(['\\', c]),
            c if c.is_control() => text += &format!("\\x{:02x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_what_they_are() {
        assert_eq!(quoted(r#"a "b" \c"#).unwrap(), r#""a \"b\" \\c""#);
        assert!(quoted("a\nLoadModule x y").is_err() && quoted("${HOME}").is_err());
        assert_eq!(
            (shell("a/b-1"), shell("it's"), shell("")),
            ("a/b-1".into(), r"'it'\''s'".into(), "''".into())
        );
        assert_eq!(python("it's\\\n"), r"'it\'s\\\x0a'");
    }
}
