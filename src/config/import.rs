//! WSGIImportScript: a script that is loaded when a process starts.

use super::alias::Alias;
use super::daemon;
use super::table::Place;
use wire::words::Words;

/// Sets WSGIImportScript; an error is the message for the administrator.
pub fn set(place: &mut Place<'_>, line: &[u8]) -> Result<(), String> {
    let mut words = Words::of(line);
    let script = words.filled().ok_or("Location of import script not supplied.")?;
    let (mut process, mut application) = (None, None);
    while let Some(setting) = words.setting() {
        let invalid = |word: &[u8]| {
            let word = wire::shown(word);
            format!(
                "Invalid option to WSGI import script definition. '{word}' is neither process-group= nor application-group="
            )
        };
        let setting = setting.map_err(|word| invalid(&word))?;
        match &setting.name[..] {
            b"process-group" if setting.value.is_empty() => {
                return Err("Invalid name for WSGI process group.".into());
            }
            b"process-group" => process = Some(setting.value),
            b"application-group" if setting.value.is_empty() => {
                return Err("Invalid name for WSGI application group.".into());
            }
            b"application-group" => application = Some(setting.value),
            name => return Err(invalid(name)),
        }
    }
    let application = application.ok_or("Name of WSGI application group required.")?;
    let process = process.ok_or("Name of WSGI process group required.")?;
    // Of the tokens only %{GLOBAL} is understood here: there is no request.
    daemon::require(place, &process)?;
    let script = place.httpd.absolute(&script).unwrap_or(script);
    let import = Alias::import(script, &process, &application);
    place.server.aliases.push(std::sync::Arc::new(import));
    Ok(())
}
