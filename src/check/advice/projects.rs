//! Django projects that share an interpreter.

use super::lines::Finding;
use super::places::Place;
use crate::config::Kind;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use wire::message as msg;

/// Two projects in one interpreter of the same processes.
pub fn sharing(places: &[Place<'_>]) -> Vec<Finding> {
    let mut interpreters: BTreeMap<(&[u8], &[u8]), Vec<&Place<'_>>> = BTreeMap::new();
    for place in places {
        let key = (&place.process_group[..], &place.application_group[..]);
        interpreters.entry(key).or_default().push(place);
    }
    let mut findings = Vec::new();
    for ((process_group, application_group), tenants) in interpreters {
        // Most interpreters have one script, which nobody needs to look into.
        if tenants.windows(2).all(|two| two[0].script == two[1].script) {
            continue;
        }
        let mut projects = tenants.iter().filter_map(|place| Some((place, Project::of(place)?)));
        let Some((first, one)) = projects.next() else { continue };
        let Some((second, other)) = projects.find(|(_, other)| one.is_another(other)) else { continue };
        let interpreter = match application_group {
            b"" => "the main interpreter".to_owned(),
            name => format!("interpreter '{}'", wire::shown(name)),
        };
        let processes = match process_group {
            b"" => "Apache's children".to_owned(),
            name => format!("process group '{}'", wire::shown(name)),
        };
        let text = format!(
            "{}: the Django project {} shares {interpreter} of {processes} with {} at {}, and Django keeps one set of settings in an \
             interpreter: give each its own process group, or its own application-group=",
            second.alias.location,
            other.shown(),
            one.shown(),
            first.alias.location
        );
        findings.push((msg::SHARED_INTERPRETER, text));
    }
    findings
}

/// A Django project, as far as it is known.
struct Project {
    directory: Option<String>,
    settings: Option<String>,
}

impl Project {
    fn of(place: &Place<'_>) -> Option<Self> {
        let shown = |bytes: &[u8]| Some(wire::shown(bytes).into_owned()).filter(|text| !text.is_empty());
        if let Kind::Django(django) = &place.alias.kind {
            return Some(Self { directory: shown(&django.project), settings: shown(&django.settings) });
        }
        let file = Path::new(OsStr::from_bytes(&place.script));
        let settings = settings_in(&pythons::read(file, &place.user)?)?;
        Some(Self { directory: None, settings: Some(settings) })
    }

    /// What is known of both differs.
    fn is_another(&self, other: &Self) -> bool {
        let differ =
            |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
        differ(&self.directory, &other.directory) || differ(&self.settings, &other.settings)
    }

    fn shown(&self) -> &str {
        self.settings.as_deref().or(self.directory.as_deref()).unwrap_or_default()
    }
}

/// The module that a script names as DJANGO_SETTINGS_MODULE, if it does so in a text of its own.
fn settings_in(script: &str) -> Option<String> {
    const NAME: &str = "DJANGO_SETTINGS_MODULE";
    let mut lines = script.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let rest = lines.find_map(|line| Some(line.split_once(NAME)?.1))?;
    let value = rest.strip_prefix(['"', '\''])?.trim_start_matches([']', ' ', ',', '=']);
    let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
    let (value, rest) = value[1..].split_once(quote)?;
    let rest = rest.trim_start();
    let is_whole = rest.is_empty() || rest.starts_with([')', '#', ';']);
    let is_module = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    (is_whole && !value.is_empty() && value.bytes().all(is_module)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::settings_in;

    #[test]
    fn what_scripts_of_django_say() {
        for (script, settings) in [
            (r#"os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")"#, Some("shop.settings")),
            ("import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'a.b'\n", Some("a.b")),
            ("# os.environ['DJANGO_SETTINGS_MODULE'] = 'old'\n", None),
            ("os.environ['DJANGO_SETTINGS_MODULE'] = NAME\n", None),
            (r#"os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{name}.settings")"#, None),
            ("os.environ['DJANGO_SETTINGS_MODULE'] = 'a.' + NAME", None),
            ("application = 1", None),
        ] {
            assert_eq!(settings_in(script).as_deref(), settings, "{script}");
        }
    }
}
