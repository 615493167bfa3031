//! The table of directives, by subject. `docs/directives.md` is written from it.

mod groups;
mod interpreters;
mod mount;
mod python;
mod requests;
mod retired;
mod scripts;
mod start;

use super::dir::flag;
use super::table::Directive;
use crate::apache::command;

/// Every directive, in the order in which the documentation shows them.
const PARTS: [&[Directive]; 8] = [
    mount::ALL,
    start::ALL,
    groups::ALL,
    python::ALL,
    requests::ALL,
    interpreters::ALL,
    scripts::ALL,
    retired::ALL,
];

/// Every directive.
pub fn all() -> impl Iterator<Item = &'static Directive> {
    PARTS.into_iter().flatten()
}

/// The table as httpd reads it.
pub static RECORDS: command::Records<{ command::count(&PARTS) + 1 }> = command::Records::of(&PARTS);

/// A time in seconds, with decimals.
pub(super) fn seconds(name: &str, value: &[u8], zero: bool) -> Result<f64, String> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let most = 86_400.0;
    let valid = |seconds: &f64| (*seconds > 0.0 || (zero && *seconds == 0.0)) && *seconds <= most;
    let from = if zero { "from 0" } else { "above 0" };
    text.parse::<f64>()
        .ok()
        .filter(valid)
        .ok_or_else(|| format!("{name} must be a number of seconds {from} and up to {most}."))
}

/// Sets a flag of a server's settings.
pub(super) fn set(field: &mut bool, name: &str, value: &[u8]) -> Result<(), String> {
    *field = flag(value).ok_or_else(|| format!("{name} must be one of: Off | On"))?;
    Ok(())
}

pub(super) fn set_flag(name: &str, value: &[u8], field: &mut Option<bool>) -> Result<(), String> {
    *field = Some(flag(value).ok_or_else(|| format!("{name} must be one of: Off | On"))?);
    Ok(())
}

pub(super) fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_well_formed_unique_and_documented() {
        let mut seen = std::collections::HashSet::new();
        for directive in all() {
            let name = directive.name.to_str().unwrap();
            assert!(name.starts_with("WSGI") && seen.insert(name), "{name}");
            assert!(directive.doc.ends_with('.') && directive.doc.len() > 30, "{name} lacks its text");
            assert!(!directive.syntax.is_empty() && !directive.default.is_empty(), "{name}");
        }
    }
}
