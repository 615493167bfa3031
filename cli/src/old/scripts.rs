//! Scripts beside the application that options of mod_wsgi-express name.

use super::{Given, Translation};
use crate::failure::Failure;
use crate::text::{quoted, word};
use std::path::Path;

/// Scripts for passwords and groups, for the whole site.
pub(super) fn passwords(new: &mut Translation, given: &Given, realm: &str) -> Result<(), Failure> {
    let path = |file: &str| crate::app::whole(file).and_then(|file| word(&file.to_string_lossy()));
    let Some(script) = given.last("auth-user-script") else {
        return match given.has("auth-group-script") {
            true => Err(Failure::usage(
                "--auth-group-script needs --auth-user-script; add --auth-user-script FILE",
            )),
            false => Ok(()),
        };
    };
    let kind = match given.last("auth-type").unwrap_or("Basic") {
        kind if kind.eq_ignore_ascii_case("basic") => "Basic",
        kind if kind.eq_ignore_ascii_case("digest") => "Digest",
        kind => return Err(Failure::usage(format!("--auth-type {kind} is unknown; write Basic or Digest"))),
    };
    let mut lines = vec![
        "<Location \"/\">".to_owned(),
        format!("    AuthType {kind}"),
        format!("    AuthName {}", quoted(realm)?),
        format!("    Auth{kind}Provider wsgi"),
        format!("    WSGIAuthUserScript {}", path(script)?),
    ];
    match given.last("auth-group-script") {
        Some(script) => lines.extend([
            format!("    WSGIAuthGroupScript {}", path(script)?),
            "    <RequireAll>".to_owned(),
            "        Require valid-user".to_owned(),
            format!("        Require wsgi-group {}", word(given.last("auth-group").unwrap_or("wsgi"))?),
            "    </RequireAll>".to_owned(),
        ]),
        None => lines.push("    Require valid-user".to_owned()),
    }
    lines.push("</Location>".to_owned());
    let provider = if kind == "Basic" { "auth_basic" } else { "auth_digest" };
    new.line("directive", &lines.join("\n"), &["authn_core", "authz_user", provider]);
    Ok(())
}

/// Scripts that run beside the application, each in a process of its own.
pub(super) fn services(new: &mut Translation, given: &Given) -> Result<(), Failure> {
    for pair in given.pairs("service-script") {
        let (name, script) = (&pair[0], crate::app::whole(&pair[1])?);
        let of = |option: &str| {
            given.pairs(option).iter().rev().find(|pair| pair[0] == *name).map(|pair| pair[1].clone())
        };
        let group = word(&format!("service:{name}"))?;
        let home = script.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
        let home = given.last("working-directory").map_or(Ok(home), |place| {
            crate::app::whole(place).map(|place| place.to_string_lossy().into_owned())
        })?;
        let mut line =
            format!("WSGIDaemonProcess {group} threads=0 display-name=%{{GROUP}} home={}", word(&home)?);
        for (option, name) in [("service-user", "user"), ("service-group", "group")] {
            if let Some(value) = of(option) {
                line += &format!(" {name}={}", word(&value)?);
            }
        }
        let script = quoted(&script.to_string_lossy())?;
        line += &format!("\nWSGIImportScript {script} process-group={group} application-group=%{{GLOBAL}}");
        new.line("directive", &line, &[]);
    }
    Ok(())
}
