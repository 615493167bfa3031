//! What a configuration says of the application: its python, its processes, where it is mounted.

use super::{Files, Text, path};
use crate::app::App;
use crate::failure::Failure;
use crate::site::{self, Site};
use crate::text::{quoted, word};
use std::path::Path;

pub(super) fn write(conf: &mut Text, site: &Site, files: &Files<'_>) -> Result<(), Failure> {
    if !site.has_application() {
        return Ok(());
    }
    conf.section("Application");
    if let Some(home) = &site.python {
        conf.line(format!("WSGIPythonHome {}", path(home)?));
    }
    // For one application there is no other whose passwords it could see.
    conf.line("WSGIPassAuthorization On\nWSGIChunkedRequest On");
    let (process_group, application_group) = groups(site)?;
    if site.args.embedded {
        if let Some(paths) = paths(site)? {
            conf.line(format!("WSGIPythonPath {paths}"));
        }
    } else {
        if !runs_python_in_children(site) {
            conf.line("WSGIRestrictEmbedded On");
        }
        conf.line(format!("WSGISocketPrefix {}", path(&files.root.join("wsgi"))?));
        conf.line(format!("WSGIDaemonProcess {process_group} {}", options(site)?.join(" \\\n    ")));
    }
    let groups = format!("process-group={process_group} application-group={application_group}");
    let groups = if site.args.embedded {
        format!("process-group=%{{GLOBAL}} application-group={application_group}")
    } else {
        groups
    };
    let callable = match (&site.args.callable, files.loader) {
        (Some(name), None) => format!(" callable-object={}", quoted(name)?),
        _ => String::new(),
    };
    let mount = quoted(&site.mount)?;
    match (&site.app, files.loader) {
        (App::Django(project), _) => {
            let settings = match &site.args.settings {
                Some(module) => format!(" settings={}", quoted(module)?),
                None => String::new(),
            };
            let files =
                if site.aliases.is_empty() && serves_static_files(project) { " static=finders" } else { "" };
            conf.line(format!("WSGIDjangoAlias {mount} {} {groups}{settings}{files}", path(project)?));
            conf.grant(&project.join("manage.py"))?;
        }
        (App::Script(script), _) => mounted(conf, &mount, script, &format!("{groups}{callable}"))?,
        (_, Some(loader)) => mounted(conf, &mount, loader, &groups)?,
        _ => {}
    }
    for word in &site.args.env {
        let (name, value) = site::assignment(word, "--env")?;
        conf.line(format!("SetEnv {} {}", quoted(name)?, quoted(value)?));
    }
    if !files.stays && !is_public(site) {
        conf.comment(
            "Who works on this machine and asks for localhost sees why something fails. So do visitors of a proxy on it that asks\n\
             for localhost in HTTP/1.1 and adds no header: behind one, give --server-name, or --directive 'WSGIErrorDetails Off'.",
        );
        let direct = PROXIES.map(|name| format!("-z req_novary('{name}')")).join(" && ");
        let local = "(-R '127.0.0.0/8' || -R '::1/128') && %{SERVER_PROTOCOL} != 'HTTP/1.0'";
        // A name of another site can lead to this machine, too: a page of that site could read what is shown.
        let host = format!("req_novary('Host') =~ m#^{LOCAL}$#");
        let page = format!("(-z req_novary('Origin') || req_novary('Origin') =~ m#^https?://{LOCAL}$#)");
        conf.block(&format!("If \"{local} && {host} && {page} && {direct}\""), ["WSGIErrorDetails On"]);
    }
    Ok(())
}

/// Headers that a proxy adds. Those that add none mostly speak HTTP/1.0.
const PROXIES: [&str; 5] = ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"];

/// This machine, as a URL names it: a regular expression.
const LOCAL: &str = r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?";

/// The server has a name on the network, or stands behind a proxy that it knows of, or who started it has decided otherwise.
fn is_public(site: &Site) -> bool {
    let lines = || site.args.directive.iter();
    !site.args.server_name.is_empty()
        || ["WSGITrustedProx", "RemoteIP", "WSGIErrorDetails"]
            .iter()
            .any(|name| lines().any(|line| line.contains(name)))
}

/// Lines of the command line, or files that it names, may have scripts that Apache's children run themselves.
fn runs_python_in_children(site: &Site) -> bool {
    const SCRIPTS: [&str; 3] = ["WSGIAccessScript", "WSGIAuth", "WSGIDispatchScript"];
    let names_one = |line: &String| SCRIPTS.iter().any(|name| line.contains(name));
    !site.args.include.is_empty() || site.args.directive.iter().any(names_one)
}

fn mounted(conf: &mut Text, mount: &str, script: &Path, options: &str) -> Result<(), Failure> {
    conf.line(format!("WSGIScriptAlias {mount} {} {options}", path(script)?));
    conf.grant(script)
}

/// The names of the process group and of the application group.
fn groups(site: &Site) -> Result<(String, String), Failure> {
    let application_group = site.args.old.application_group.as_deref().unwrap_or("%{GLOBAL}");
    Ok((word(&site.group)?, word(application_group)?))
}

/// Options of WSGIDaemonProcess: those that follow from the command line, and those that it names as they are.
fn options(site: &Site) -> Result<Vec<String>, Failure> {
    let args = &site.args;
    let mut options: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| options.push((name.to_owned(), value));
    // Without a number there is one process, and wsgi.multiprocess is false.
    if let Some(processes) = site.processes() {
        add("processes", processes.to_owned());
    }
    add("threads", args.threads.to_string());
    add("display-name", "%{GROUP}".into());
    if let Some(home) = &site.home {
        add("home", text_of(home)?);
    }
    if !args.python_path.is_empty() {
        let paths: Result<Vec<_>, _> =
            args.python_path.iter().map(|place| text_of(&crate::app::whole(place)?)).collect();
        add("python-path", paths?.join(":"));
    }
    if args.reload {
        add("reload", "imports".into());
    }
    if let Some(locale) = &args.old.locale {
        add("lang", locale.clone());
        add("locale", locale.clone());
    }
    options.retain(|(name, _)| site.options.iter().all(|(other, _)| other != name));
    options.extend(site.options.iter().cloned());
    options.iter().map(|(name, value)| Ok(format!("{name}={}", word(value)?))).collect()
}

/// Directories to import from in Apache's children.
fn paths(site: &Site) -> Result<Option<String>, Failure> {
    let named = site.args.python_path.iter().map(crate::app::whole).collect::<Result<Vec<_>, _>>()?;
    let places = site.home.iter().chain(&named).map(|place| text_of(place)).collect::<Result<Vec<_>, _>>()?;
    if places.is_empty() { Ok(None) } else { quoted(&places.join(":")).map(Some) }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("{} is not UTF-8, so it cannot be configured; rename it", path.display()))
    })
}

/// Whether a Django project has the application for static files among those that it installs, and nothing else that serves
/// them, as far as the text of its settings tells.
fn serves_static_files(project: &Path) -> bool {
    let mut texts = Vec::new();
    for package in std::fs::read_dir(project).into_iter().flatten().flatten() {
        let place = package.path();
        let inside = [place.join("settings.py"), place.join("settings")];
        let directory =
            std::fs::read_dir(&inside[1]).into_iter().flatten().flatten().map(|entry| entry.path());
        let files = directory.chain([inside[0].clone(), project.join("settings.py")]);
        texts.extend(files.filter_map(|file| std::fs::read_to_string(file).ok()));
    }
    let names = |word: &str| texts.iter().any(|text| text.contains(word));
    names("django.contrib.staticfiles") && !names("whitenoise")
}
