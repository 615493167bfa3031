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
        let mut projects = tenants.iter().filter_map(|place| Some((place, project(place)?)));
        let Some((first, settings)) = projects.next() else { continue };
        let Some((second, others)) = projects.find(|(_, other)| *other != settings) else { continue };
        let interpreter = match application_group {
            b"" => "the main interpreter".to_owned(),
            name => format!("interpreter '{}'", wire::shown(name)),
        };
        let processes = match process_group {
            b"" => "Apache's children".to_owned(),
            name => format!("process group '{}'", wire::shown(name)),
        };
        let text = format!(
            "{}: the Django project with {others} shares {interpreter} of {processes} with that with {settings} at {}, and Django keeps \
             one set of settings in an interpreter: give each its own process group, or its own application-group=",
            second.alias.location, first.alias.location
        );
        findings.push((msg::SHARED_INTERPRETER, text));
    }
    findings
}

/// The settings of a Django project; `None`: none, or they are not known.
fn project(place: &Place<'_>) -> Option<String> {
    match &place.alias.kind {
        Kind::Django(django) if django.settings.is_empty() => {
            Some(format!("{}/manage.py", wire::shown(&django.project)))
        }
        Kind::Django(django) => Some(wire::shown(&django.settings).into_owned()),
        _ => {
            let file = Path::new(OsStr::from_bytes(&place.script));
            settings_in(&pythons::read(file, &place.user)?)
        }
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
