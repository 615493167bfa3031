//! Small text work: placeholders in configurations, indentation of scripts written inside Rust sources.

/// Removes the indentation all non-blank lines share, so that a script can stand indented in a test.
pub fn dedent(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let common = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    text.lines().map(|line| line.get(common..).unwrap_or("").to_owned() + "\n").collect()
}

/// Puts values in the place of `{name}`. Braces around anything else stay as they are.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dedent_keeps_relative_indentation() {
        assert_eq!(dedent("\n    a\n      b\n\n    c\n    "), "a\n  b\n\nc\n\n");
    }

    #[test]
    fn fill_touches_known_names_only() {
        assert_eq!(fill("{dir}/x %{HOST} {y}", &[("dir", "/d")]), "/d/x %{HOST} {y}");
    }
}
