//! WSGIScriptAlias and WSGIScriptAliasMatch.

use super::alias::{Alias, Kind, Url};
use super::daemon;
use super::table::Place;
use wire::words::Words;

const OPTIONS: &str =
    "process-group=, application-group=, callable-object=, pass-authorization=, preload= and warmup=";

/// The setter of both directives.
pub fn set(place: &mut Place<'_>, line: &[u8], regex: bool) -> Result<(), String> {
    let mut words = Words::of(line);
    let (Some(url), Some(target)) = (words.filled(), words.filled()) else {
        return Err(format!("{} requires at least two arguments, URL and script file", place.name));
    };
    let target = place.httpd.absolute(&target).unwrap_or(target);
    let url = if regex {
        Url::Match(place.httpd.regex(&url).ok_or("Regular expression could not be compiled.")?)
    } else {
        Url::Prefix(url)
    };
    let mut alias = Alias::new(url, target, Kind::Script);
    while let Some(setting) = words.setting() {
        let setting = setting.map_err(|word| unknown(&word, OPTIONS))?;
        if !alias.option(&setting)? {
            return Err(unknown(&setting.name, OPTIONS));
        }
    }
    check(&alias, place)?;
    alias.location.clone_from(&place.location);
    place.server.aliases.push(std::sync::Arc::new(alias));
    Ok(())
}

fn unknown(word: &[u8], known: &str) -> String {
    let word = wire::shown(word);
    format!("Invalid option to WSGI script alias definition. '{word}' is not one of {known}")
}

/// Options that do not go together, or not with what stands above.
pub fn check(alias: &Alias, place: &Place<'_>) -> Result<(), String> {
    if let Some((process, _)) = alias.fixed_groups() {
        daemon::require(place, process)?;
    }
    let Some(path) = alias.warm_ups.iter().find(|path| !alias.covers(path)) else { return Ok(()) };
    let path = wire::shown(path);
    Err(match &alias.url {
        Url::Match(_) | Url::Nothing => {
            "warmup= works with a URL path, not with a regular expression.".into()
        }
        Url::Prefix(url) => {
            let url = wire::shown(url);
            format!(
                "warmup={path} must be a URL path as visitors use it, at or below '{url}', such as warmup={url}"
            )
        }
    })
}
