//! The table of directives, by subject. `docs/directives.md` is written from it.

mod groups;
mod interpreters;
mod logs;
mod metrics;
mod mount;
mod python;
mod requests;
mod retired;
mod scripts;
mod start;
mod values;

use super::table::Directive;
use crate::apache::command;

/// Every directive, in the order in which the documentation shows them.
const PARTS: [&[Directive]; 10] = [
    mount::ALL,
    start::ALL,
    groups::ALL,
    python::ALL,
    requests::ALL,
    logs::ALL,
    metrics::ALL,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_well_formed_unique_and_documented() {
        let mut seen = std::collections::HashSet::new();
        for directive in all() {
            let name = directive.name.to_str().unwrap();
            assert!(name.trim_start_matches('<').starts_with("WSGI") && seen.insert(name), "{name}");
            assert!(directive.doc.ends_with('.') && directive.doc.len() > 30, "{name} lacks its text");
            assert!(!directive.syntax.is_empty() && !directive.default.is_empty(), "{name}");
        }
    }
}
