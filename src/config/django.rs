//! WSGIDjangoAlias: a Django project at a URL path, without a script file.

use super::alias::{Alias, Kind, Url};
use super::script_alias;
use super::table::Place;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;
use wire::plan::Django;
use wire::words::Words;

const OPTIONS: &str = "settings=, checks=, static=, process-group=, application-group=, pass-authorization=, \
                       preload= and warmup=";

/// Sets WSGIDjangoAlias; an error is the message for the administrator.
pub fn set(place: &mut Place<'_>, line: &[u8]) -> Result<(), String> {
    let mut words = Words::of(line);
    let (Some(url), Some(project)) = (words.filled(), words.filled()) else {
        return Err(format!(
            "{} requires at least two arguments, URL path and project directory",
            place.name
        ));
    };
    let project = place.httpd.absolute(&project).unwrap_or(project);
    let project = project.strip_suffix(b"/").unwrap_or(&project).to_vec();
    let mut django = Django {
        project: project.clone(),
        url: url.clone(),
        settings: Vec::new(),
        checks: b"error".to_vec(),
        finders: false,
    };
    let mut alias = Alias::new(Url::Prefix(url), Vec::new(), Kind::Script);
    let mut files = None;
    while let Some(setting) = words.setting() {
        let unknown = |word: &[u8]| {
            let word = wire::shown(word);
            format!("Invalid option to {}. '{word}' is not one of {OPTIONS}", place.name)
        };
        let setting = setting.map_err(|word| unknown(&word))?;
        let value = wire::shown(&setting.value).into_owned();
        match &setting.name[..] {
            b"settings" if value.is_empty() => {
                return Err(
                    "WSGIDjangoAlias: settings= must name a module, such as settings=mysite.settings".into(),
                );
            }
            b"settings" => django.settings = setting.value,
            b"checks" if matches!(&value[..], "error" | "warning" | "off") => django.checks = setting.value,
            b"checks" => {
                return Err(format!("WSGIDjangoAlias: checks={value} must be one of: error | warning | off"));
            }
            b"static" if value == "finders" => django.finders = true,
            b"static" => files = Some(static_files(place, &value)?),
            name if name != b"callable-object" && alias.option(&setting)? => {}
            name => return Err(unknown(name)),
        }
    }
    alias.target = target(&django)?;
    script_alias::check(&alias, place)?;
    alias.kind = Kind::Django(django);
    // WSGICallableObject is for scripts.
    alias.callable = Some(b"application".to_vec());
    alias.location.clone_from(&place.location);
    // The files come first: they lie below the application's URL.
    place.server.aliases.extend(files.map(Arc::new));
    place.server.aliases.push(Arc::new(alias));
    Ok(())
}

/// `static=URL:DIR`
fn static_files(place: &Place<'_>, value: &str) -> Result<Alias, String> {
    let complaint = || {
        format!(
            "static={value} must be 'finders', or a URL path and a directory, such as static=/static:/srv/static"
        )
    };
    let (url, directory) = value.split_once(':').ok_or_else(complaint)?;
    if !url.starts_with('/') || url == "/" || directory.is_empty() {
        return Err(complaint());
    }
    let directory =
        place.httpd.absolute(directory.as_bytes()).unwrap_or_else(|| directory.as_bytes().to_vec());
    if !path(&directory).is_dir() {
        return Err(format!(
            "WSGIDjangoAlias: static={value}: there is no directory '{}'; 'manage.py collectstatic' creates the directory that STATIC_ROOT names",
            path(&directory).display()
        ));
    }
    let trim = |text: &[u8]| text.strip_suffix(b"/").unwrap_or(text).to_vec();
    let mut alias = Alias::new(Url::Prefix(trim(url.as_bytes())), trim(&directory), Kind::Files);
    alias.location.clone_from(&place.location);
    Ok(alias)
}

/// The file that stands for the project as a script does for its application: manage.py, or that of the settings.
fn target(django: &Django) -> Result<Vec<u8>, String> {
    let project = path(&django.project);
    if !project.is_dir() {
        return Err(format!(
            "WSGIDjangoAlias: there is no directory '{}'; name the directory that contains the project's manage.py",
            project.display()
        ));
    }
    // Named settings first: with others it is another application.
    let settings = wire::shown(&django.settings).replace('.', "/");
    let named = [format!("{settings}.py"), format!("{settings}/__init__.py")];
    let named = named.into_iter().filter(|_| !settings.is_empty());
    let mut files = named.chain(["manage.py".into()]).map(|file| project.join(file));
    if let Some(file) = files.find(|file| file.is_file()) {
        return Ok(file.into_os_string().into_vec());
    }
    let above = project.parent().filter(|above| above.join("manage.py").is_file());
    Err(match above {
        Some(above) => format!(
            "WSGIDjangoAlias: '{}' has no manage.py, but the directory above it does: write '{}'",
            project.display(),
            above.display()
        ),
        None => format!(
            "WSGIDjangoAlias: '{}' has no manage.py, and settings= names no module in it; name the directory \
             that 'django-admin startproject' created, or the settings module with settings=",
            project.display()
        ),
    })
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
