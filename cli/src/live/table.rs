//! Values of an answer, and tables of them.

use serde_json::Value;

/// What an answer has under this name, if that is a text.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The same for a number.
pub fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// The same for seconds.
pub fn seconds(value: &Value, name: &str) -> f64 {
    value.get(name).and_then(Value::as_f64).filter(|seconds| seconds.is_finite()).unwrap_or(0.0)
}

/// The same for a list.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// It does something else to a terminal than to be seen there.
fn is_seen(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of anybody, for a terminal: what cannot be seen would be obeyed by it.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if is_seen(c) { c } else { '\u{fffd}' }).collect()
}

/// A line of JSON, in which what cannot be seen is escaped: it stands in texts alone.
pub fn json(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match is_seen(c) {
            true => line.push(c),
            false => line += &format!("\\u{:04x}", u32::from(c)),
        }
    }
    line + "\n"
}

/// A span of time, of which two or three digits matter.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// Columns below their names, each as wide as it must be; the last one is as long as it is.
pub fn table(names: &[&str], rows: &[Vec<String>], indent: &str) -> String {
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([names[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let head = names.iter().map(|name| (*name).to_owned()).collect();
    let mut out = String::new();
    for row in [&head].into_iter().chain(rows) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out += &format!("{indent}{}\n", cells.join("  ").trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [vec!["1".into(), "long text".into()], vec!["1234".into(), "x".into()]];
        assert_eq!(table(&["pid", "what"], &rows, " "), " pid   what\n 1     long text\n 1234  x\n");
    }

    #[test]
    fn what_cannot_be_seen_is_not_printed() {
        assert_eq!(clean("/a\x1b[31m\n\u{202e}é"), "/a\u{fffd}[31m\u{fffd}\u{fffd}é");
        let value = serde_json::json!({"a": "\x1b\u{7f}\u{9b}\u{202e}é"});
        assert_eq!(json(&value), "{\"a\":\"\\u001b\\u007f\\u009b\\u202eé\"}\n");
        assert_eq!(serde_json::from_str::<Value>(&json(&value)).ok(), Some(value));
        assert_eq!([0.0123, 1.26, 59.6, 600.0].map(span), ["12 ms", "1.3 s", "60 s", "10 min"]);
    }
}
