//! JSON (RFC 8259) to write: a value is made whole, then shown.

use std::fmt::{self, Display, Formatter};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Number(u64),
    /// A span or a moment.
    Seconds(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object, whose names need no escapes.
    Object(Vec<(&'static str, Value)>),
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Seconds(seconds) => write!(f, "{seconds:.6}"),
            Self::Text(text) => quoted(f, text),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Object(pairs) => {
                f.write_str("{")?;
                for (at, (name, value)) in pairs.iter().enumerate() {
                    write!(f, "{}\"{name}\":{value}", if at > 0 { "," } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A string that may stand in a page as well.
fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '<' | '>' | '&' | '\'' | '\u{7f}' => write!(f, "\\u{:04x}", c as u32)?,
            c if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::Value::{self, List, Null, Number, Object};

    #[test]
    fn values_are_written_as_json_has_them() {
        let value = Object(vec![
            ("a", List(vec![Null, Number(1), Value::Bool(true)])),
            ("b", Value::Text("\"\\\n</script>é".into())),
            ("c", Value::Seconds(1.5)),
        ]);
        assert_eq!(
            value.to_string(),
            r#"{"a":[null,1,true],"b":"\"\\\u000a\u003c/script\u003eé","c":1.500000}"#
        );
    }
}
