//! What options of mod_wsgi-express about TLS mean together.

use super::{Given, Translation};
use crate::failure::Failure;
use crate::text::{quoted, word};

pub(super) fn apply(new: &mut Translation, given: &Given) -> Result<(), Failure> {
    let port = given.last("https-port").or(given.last("ssl-port"));
    let base = given.last("ssl-certificate");
    let of = |option: &str, end: &str| {
        given.last(option).map(str::to_owned).or_else(|| base.map(|base| format!("{base}.{end}")))
    };
    let (certificate, key) = (of("ssl-certificate-file", "crt"), of("ssl-certificate-key-file", "key"));
    let Some(port) = port else {
        let files = [
            "ssl-certificate",
            "ssl-certificate-file",
            "ssl-certificate-key-file",
            "ssl-ca-certificate-file",
            "ssl-certificate-chain-file",
        ];
        return match files.iter().find(|name| given.has(name)) {
            Some(name) => {
                Err(Failure::usage(format!("--{name} needs --https-port; add --https-port NUMBER")))
            }
            None => Ok(()),
        };
    };
    let (Some(certificate), Some(key)) = (certificate, key) else {
        return Err(Failure::usage(
            "--https-port needs a certificate and its key; add --ssl-certificate-file FILE and --ssl-certificate-key-file FILE",
        ));
    };
    for (option, value) in [("https-port", port), ("certificate", &certificate), ("key", &key)] {
        new.option(option, value);
    }
    let mut lines = Vec::new();
    let path = |file: &str| crate::app::whole(file).and_then(|file| word(&file.to_string_lossy()));
    if let Some(file) = given.last("ssl-ca-certificate-file") {
        lines.push(format!("SSLCACertificateFile {}", path(file)?));
        let urls = given.all("ssl-verify-client");
        for url in if urls.is_empty() { vec!["/"] } else { urls } {
            lines.push(format!(
                "<Location {}>\n    SSLVerifyClient require\n    SSLVerifyDepth 1\n</Location>",
                quoted(url)?
            ));
        }
    }
    if let Some(file) = given.last("ssl-certificate-chain-file") {
        lines.push(format!("SSLCertificateChainFile {}", path(file)?));
    }
    if given.has("ssl-environment") {
        lines.push("SSLOptions +StdEnvVars".to_owned());
    }
    if given.has("https-only") {
        let to = if port == "443" { String::new() } else { format!(":{}", word(port)?) };
        let lines =
            format!("RewriteEngine On\nRewriteRule ^ https://%{{SERVER_NAME}}{to}%{{REQUEST_URI}} [R=301,L]");
        new.line("http-directive", &lines, &["rewrite"]);
    }
    if let Some(policy) = given.last("hsts-policy") {
        new.line(
            "https-directive",
            &format!("Header always set Strict-Transport-Security {}", quoted(policy)?),
            &["headers"],
        );
    }
    new.line("https-directive", &lines.join("\n"), &[]);
    Ok(())
}
