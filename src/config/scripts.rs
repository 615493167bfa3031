//! Scripts of the server itself: they decide who may see something, and where it is served, or handle a kind of resource.

use super::alias::{Alias, Kind, Url};
use super::dir::{DirConfig, Name};
use std::sync::Arc;
use wire::words::{Setting, Words};

/// A script that Apache asks: WSGIAccessScript, WSGIAuthUserScript, WSGIAuthGroupScript, WSGIDispatchScript.
#[derive(Debug, PartialEq, Eq)]
pub struct HookScript {
    /// Path of the script, absolute.
    pub path: Vec<u8>,
    /// `application-group=`, as it was typed; the main interpreter if it was not.
    pub application_group: Vec<u8>,
}

/// The handlers that WSGIHandlerScript has registered, by name; of the same name the last one counts.
pub type Handlers = Arc<[(Name, Arc<Alias>)]>;

/// What the setter of a script sees of the place it stands in.
pub struct ScriptPlace<'a> {
    /// Puts a relative path under ServerRoot.
    pub absolute: &'a dyn Fn(&[u8]) -> Vec<u8>,
    /// Scripts that are loaded when a process starts, as by WSGIImportScript.
    pub imports: Vec<Alias>,
    /// Apache asks the script, so its children run Python.
    pub is_asked: bool,
}

/// The setter of a script that Apache asks. `thing`: what it is, for messages.
pub fn hook(thing: &str, place: &mut ScriptPlace<'_>, line: &[u8]) -> Result<Arc<HookScript>, String> {
    let mut words = Words::of(line);
    let path = words.filled().ok_or_else(|| format!("Location of {thing} script not supplied."))?;
    let invalid = |word: &[u8]| {
        let word = wire::shown(word).into_owned();
        format!("Invalid option to WSGI {thing} script definition. '{word}' is not application-group=")
    };
    let mut script = HookScript { path: (place.absolute)(&path), application_group: b"%{GLOBAL}".to_vec() };
    while let Some(setting) = words.setting() {
        match setting.map_err(|word| invalid(&word))? {
            Setting { name, value } if name == b"application-group" => {
                if value.is_empty() {
                    return Err("Invalid name for WSGI application group.".into());
                }
                script.application_group = value;
            }
            Setting { name, .. } => return Err(invalid(&name)),
        }
    }
    place.is_asked = true;
    let group = &script.application_group;
    if group == b"%{GLOBAL}" || !group.starts_with(b"%{") {
        place.imports.push(Alias::import(script.path.clone(), b"%{GLOBAL}", group));
    }
    Ok(Arc::new(script))
}

/// The setter of WSGIHandlerScript.
pub fn handler(place: &mut ScriptPlace<'_>, section: &mut DirConfig, line: &[u8]) -> Result<(), String> {
    let mut words = Words::of(line);
    let name = words.filled().ok_or("Name for handler script not supplied.")?;
    let path = words.filled().ok_or("Location of handler script not supplied.")?;
    let mut handler = Alias::new(Url::Nothing, (place.absolute)(&path), Kind::Handler);
    handler.callable = Some(b"handle_request".to_vec());
    let invalid = |word: &[u8]| {
        format!(
            "Invalid option to WSGI handler script definition. '{}' is not one of process-group=, application-group= and \
             pass-authorization=",
            wire::shown(word)
        )
    };
    while let Some(setting) = words.setting() {
        let setting = setting.map_err(|word| invalid(&word))?;
        let known =
            matches!(&setting.name[..], b"process-group" | b"application-group" | b"pass-authorization");
        if !known || !handler.option(&setting)? {
            return Err(invalid(&setting.name));
        }
    }
    if let Some((process, application)) = handler.fixed_groups() {
        place.imports.push(Alias::import(handler.target.clone(), process, application));
    }
    let others = section.handlers.iter().flat_map(|handlers| handlers.iter());
    let others = others.filter(|(other, _)| **other != *name).cloned();
    section.handlers = Some(others.chain([(Name::from(&name[..]), Arc::new(handler))]).collect());
    Ok(())
}

/// The handlers of a section inside another one.
pub fn overlaid(outer: Option<&Handlers>, inner: Option<&Handlers>) -> Option<Handlers> {
    let (Some(outer), Some(inner)) = (outer, inner) else { return inner.or(outer).cloned() };
    let hidden = |name: &Name| inner.iter().any(|(other, _)| other == name);
    Some(outer.iter().filter(|(name, _)| !hidden(name)).chain(inner.iter()).cloned().collect())
}
