//! What a configuration says of Apache itself: modules, users, processes, logs.

use super::{Files, Logs, Text, modules, path};
use crate::failure::Failure;
use crate::site::Site;
use crate::text::quoted;

/// Threads of each of Apache's children, which only relay requests to the application.
const THREADS: u32 = 25;

pub(super) fn write(conf: &mut Text, site: &Site, files: &Files<'_>) -> Result<(), Failure> {
    conf.section("Server");
    let root = path(files.root)?;
    conf.line(format!("ServerRoot {root}\nDefaultRuntimeDir {root}"));
    conf.line(format!("PidFile {}", path(files.pid_file)?));
    let name = site.args.server_name.first().map_or("localhost", String::as_str);
    conf.line(format!("ServerName {}", quoted(name)?));
    for port in [Some(site.port), site.args.https_port].into_iter().flatten() {
        conf.line(format!("Listen {}", address(site.host.as_deref(), port)));
    }
    conf.line("ServerTokens Prod\nServerSignature Off");

    conf.section("Modules");
    let (needed, useful) = modules(site);
    for name in &needed {
        if let Some(line) = site.httpd.load(name)? {
            conf.line(line);
        }
    }
    for name in useful {
        if let Ok(Some(line)) = site.httpd.load(name) {
            conf.line(line);
        }
    }
    if site.has_application() {
        conf.line(format!("LoadModule wsgi_module {}", path(&site.module)?));
    }

    conf.section("Processes of Apache");
    if let Some(identity) = &site.identity {
        conf.line(format!("User {}\nGroup {}", quoted(&identity.user)?, quoted(&identity.group)?));
    }
    processes(conf, site);
    // How long requests have when the server is told to stop, the application's processes included.
    conf.line("GracefulShutdownTimeout 30\nTimeout 60");
    if site.httpd.has("reqtimeout") {
        conf.line("RequestReadTimeout header=15-30,MinRate=500 body=15,MinRate=500");
    }

    conf.section("Logs");
    logs(conf, site, files)
}

/// `8000`, `127.0.0.1:8000`, `[::1]:8000`
fn address(host: Option<&str>, port: u16) -> String {
    match host {
        Some(host) if host.contains(':') => format!("[{host}]:{port}"),
        Some(host) => format!("{host}:{port}"),
        None => port.to_string(),
    }
}

fn processes(conf: &mut Text, site: &Site) {
    let embedded = site.args.embedded;
    if site.mpm == "prefork" {
        let most = site.size.clients.max(site.size.processes);
        let first = if embedded { site.size.processes } else { most.min(5) };
        conf.line(format!("ServerLimit {most}\nMaxRequestWorkers {most}"));
        conf.line(format!("StartServers {first}\nMinSpareServers {first}\nMaxSpareServers {most}"));
        return;
    }
    let (threads, children) = match embedded {
        true => {
            let threads = site.args.threads.max(1);
            // A command line of mod_wsgi-express says how many clients there may be, or means its default.
            let most = if site.args.old.express { site.size.clients.div_ceil(threads) } else { 1 };
            (threads, site.size.processes.max(most))
        }
        false => (THREADS, site.size.clients.div_ceil(THREADS)),
    };
    let first = if embedded { site.size.processes } else { 1 };
    let most = threads * children;
    // As many again may still finish their requests when a graceful restart brings the next.
    conf.line(format!("ThreadLimit {threads}\nThreadsPerChild {threads}\nServerLimit {}", 2 * children));
    conf.line(format!("MaxRequestWorkers {most}\nStartServers {first}"));
    // One child more when few threads are left, if there may be one more at all.
    let spare = if children == 1 { 1 } else { threads.min(10) };
    conf.line(format!("MinSpareThreads {spare}\nMaxSpareThreads {most}"));
}

fn logs(conf: &mut Text, site: &Site, files: &Files<'_>) -> Result<(), Failure> {
    let in_files = |name: &str| match files.logs {
        Logs::Directory(directory) => path(&directory.join(name)),
        Logs::Terminal if name == "access_log" => Ok("\"/dev/stdout\"".to_owned()),
        Logs::Terminal => Ok("\"/dev/stderr\"".to_owned()),
    };
    conf.line(format!(
        "ErrorLog {}\nLogLevel {}",
        in_files(site.error_log_name())?,
        level(&site.args.log_level)?
    ));
    if let Some(format) = &site.args.access_log {
        let format = match format.as_str() {
            "common" => r#"%h %l %u %t "%r" %>s %b"#,
            "combined" => r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
            other => other,
        };
        let file = match (&site.args.old.access_log_name, &files.logs) {
            (Some(name), Logs::Directory(_)) => in_files(name)?,
            _ => in_files("access_log")?,
        };
        conf.line(format!("CustomLog {file} {}", quoted(format)?));
    }
    Ok(())
}

fn level(text: &str) -> Result<&str, Failure> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.'))
    };
    if text.split_whitespace().all(is_word) && !text.trim().is_empty() {
        return Ok(text);
    }
    Err(Failure::usage(format!(
        "--log-level {text} is no level; write one like warn, info, or 'warn wsgi:info'"
    )))
}
