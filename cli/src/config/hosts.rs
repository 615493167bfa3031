//! What a configuration says of URLs beside the application's, and of hosts.

use super::{Files, Text, path};
use crate::app::App;
use crate::failure::Failure;
use crate::site::Site;
use crate::text::quoted;

/// What the health URL shows, in the server root.
pub const HEALTH: &str = "health.txt";

/// A directory without files, in the server root: what is not below the application's URL is not there.
pub const NOTHING: &str = "htdocs";

/// Part of a URL's path that is hidden; certificates are asked for through `.well-known`.
const HIDDEN: &str = r"/\.(?!well-known(?:/|$))";

/// Files are looked for before the application is asked.
pub(super) fn rewrites(site: &Site) -> bool {
    site.document_root.is_some() && site.has_application()
}

pub(super) fn write(conf: &mut Text, site: &Site, files: &Files<'_>) -> Result<(), Failure> {
    conf.section("Files");
    conf.block("Directory \"/\"", ["AllowOverride None", "Require all denied"]);
    conf.line(format!("TypesConfig {}", path(files.types)?));
    let nothing = files.root.join(NOTHING);
    let document_root = match &site.app {
        App::Static(directory) => site.document_root.as_ref().or(Some(directory)),
        _ => site.document_root.as_ref().or((site.mount != "/").then_some(&nothing)),
    };
    if let Some(directory) = document_root {
        conf.line(format!("DocumentRoot {}", path(directory)?));
        let own = &site.args.old.document_directive;
        let index =
            own.iter().all(|line| !line.starts_with("DirectoryIndex")).then_some("DirectoryIndex index.html");
        let lines = ["Require all granted"].into_iter().chain(index).chain(own.iter().map(String::as_str));
        conf.block(&format!("Directory {}", path(directory)?), lines);
    }
    if matches!(site.app, App::Static(_)) {
        conf.comment("Nothing of what is hidden, such as .git and .env.");
        conf.line(format!("RedirectMatch 404 \"{HIDDEN}\""));
    }
    for (url, files) in &site.aliases {
        conf.line(format!("Alias {} {}", quoted(url)?, path(files)?));
        // What is not there yet is a directory, mostly.
        if files.is_file() {
            conf.grant(files)?;
        } else {
            conf.block(&format!("Directory {}", path(files)?), ["Require all granted"]);
        }
    }
    if let Some(url) = &site.args.health {
        let file = files.root.join(HEALTH);
        conf.comment("Health checks: Apache answers this itself.");
        conf.line(format!("Alias {} {}", quoted(url)?, path(&file)?));
        conf.grant(&file)?;
    }
    if rewrites(site) {
        conf.comment("A file in the document root comes before the application.");
        for line in before_the_application(site) {
            conf.line(line);
        }
    }
    if site.args.server_name.is_empty() && site.args.https_port.is_none() {
        for line in &site.args.old.http_directive {
            conf.line(line);
        }
        return Ok(());
    }
    conf.section("Hosts");
    hosts(conf, site, files)
}

fn before_the_application(site: &Site) -> Vec<String> {
    const FILE: &str = "%{DOCUMENT_ROOT}%{REQUEST_URI}";
    let index =
        |line: &String| line.strip_prefix("DirectoryIndex ").map(|name| name.trim_matches('"').to_owned());
    let index = site.args.old.document_directive.iter().find_map(index);
    let or = if index.is_some() { " [OR]" } else { "" };
    let mut lines = vec!["RewriteEngine On".to_owned(), format!("RewriteCond {FILE} -f{or}")];
    lines.extend(index.map(|name| format!("RewriteCond {FILE}{name} -f")));
    lines.insert(1, format!("RewriteCond %{{REQUEST_URI}} \"!{HIDDEN}\""));
    lines.push(format!("RewriteRule ^ {FILE} [END]"));
    lines
}

fn hosts(conf: &mut Text, site: &Site, files: &Files<'_>) -> Result<(), Failure> {
    let rules: &[&str] = if rewrites(site) { &["RewriteEngine On", "RewriteOptions Inherit"] } else { &[] };
    let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
    let mut names = Vec::new();
    if let Some((first, others)) = site.args.server_name.split_first() {
        names.push(format!("ServerName {}", quoted(first)?));
        for other in others {
            names.push(format!("ServerAlias {}", quoted(other)?));
        }
        // The first host of a port answers for all names that no other has.
        let refused = [
            "ServerName other.invalid".to_owned(),
            format!("<LocationMatch {}>", quoted(&except(site.args.health.as_deref()))?),
            "    Require all denied".to_owned(),
            "</LocationMatch>".to_owned(),
        ];
        conf.block(&format!("VirtualHost *:{}", site.port), &refused);
        if let Some(bare) =
            first.strip_prefix("www.").filter(|bare| !others.iter().any(|other| other == bare))
        {
            let port = if site.port == 80 { String::new() } else { format!(":{}", site.port) };
            let to = quoted(&format!("http://{first}{port}/"))?;
            let lines = [format!("ServerName {}", quoted(bare)?), format!("Redirect permanent \"/\" {to}")];
            conf.block(&format!("VirtualHost *:{}", site.port), &lines);
        }
    }
    let http = names.iter().chain(&rules).chain(&site.args.old.http_directive);
    conf.block(&format!("VirtualHost *:{}", site.port), http);
    let (Some(port), Some(certificate), Some(key)) =
        (site.args.https_port, &site.args.certificate, &site.args.key)
    else {
        return Ok(());
    };
    let cache = files.root.join("tls_sessions");
    conf.line(format!("SSLSessionCache {}", quoted(&format!("shmcb:{}(512000)", cache.display()))?));
    let tls = [
        "SSLEngine On".to_owned(),
        format!("SSLCertificateFile {}", path(&crate::app::whole(certificate)?)?),
        format!("SSLCertificateKeyFile {}", path(&crate::app::whole(key)?)?),
    ];
    let https = names.iter().chain(&tls).chain(&rules).chain(&site.args.old.https_directive);
    conf.block(&format!("VirtualHost *:{port}"), https);
    Ok(())
}

/// What is not the health URL.
fn except(health: Option<&str>) -> String {
    match health {
        Some(url) => {
            let escaped: String = url
                .chars()
                .flat_map(|c| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c]))
                .collect();
            format!("^(?!{escaped}$)")
        }
        None => "^".to_owned(),
    }
}
