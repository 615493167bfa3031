//! What options of mod_wsgi-express mean together, and what is so there if nobody says otherwise.

use super::{Given, Translation, scripts, tls};
use crate::app::WELCOME;
use crate::failure::Failure;
use crate::text::{quoted, word};

pub(super) fn apply(new: &mut Translation, given: &Given) -> Result<(), Failure> {
    let port = given.last("port").unwrap_or("8000");
    let host = given.last("host").unwrap_or("localhost");
    let name = given.last("process-group").map_or_else(|| format!("{host}:{port}"), str::to_owned);
    new.option("port", port);
    if let Some(host) = given.last("host") {
        new.option("host", host);
    }
    new.option("process-group", &name);
    places(new, given, host, port)?;
    people(new, given);
    names(new, given);
    limits(new, given)?;
    tls::apply(new, given)?;
    content(new, given, &name)?;
    proxies(new, given)?;
    scripts::passwords(new, given, &name)?;
    scripts::services(new, given)?;
    telemetry(new, given)?;
    let kind = given.last("application-type").unwrap_or("script");
    if !given.has("application-type") {
        new.option("kind", kind);
    }
    let app = given.last("entry-point").or(given.words.first().map(String::as_str));
    match (app, kind) {
        (Some(app), _) => new.words.push(app.to_owned()),
        (None, "static") => new.words.push(given.last("document-root").unwrap_or(".").to_owned()),
        (None, _) => new.words.push(WELCOME.to_owned()),
    }
    if let Some(other) = given.words.get(1) {
        return Err(Failure::usage(format!("{other} is one word too many; name one application")));
    }
    Ok(())
}

/// The server root, the working directory, and where logs go.
fn places(new: &mut Translation, given: &Given, host: &str, port: &str) -> Result<(), Failure> {
    let uid = os::unistd::geteuid();
    let usual = || std::env::temp_dir().join(format!("mod_wsgi-{host}:{port}:{uid}")).display().to_string();
    let root = given.last("server-root").map_or_else(usual, str::to_owned);
    new.option("server-root", &root);
    let here = || std::env::current_dir().map(|place| place.display().to_string()).unwrap_or_default();
    new.option("working-directory", &given.last("working-directory").map_or_else(here, str::to_owned));
    match given.last("log-directory") {
        Some(directory) => new.option("log-directory", directory),
        None if !given.has("log-to-terminal") => new.option("log-directory", &root),
        None => new.words.push("--log-to-terminal".to_owned()),
    }
    if given.has("access-log") {
        new.option("access-log", given.last("access-log-format").unwrap_or("common"));
    }
    Ok(())
}

/// Users, and the locale.
fn people(new: &mut Translation, given: &Given) {
    let named = |option: &str, variables: [&str; 2]| {
        let variable =
            variables.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        variable.or_else(|| given.last(option).map(str::to_owned))
    };
    for (option, variables) in
        [("user", ["MOD_WSGI_USER", "WSGI_RUN_USER"]), ("group", ["MOD_WSGI_GROUP", "WSGI_RUN_GROUP"])]
    {
        if let Some(name) = named(option, variables) {
            new.option(option, &name);
        }
    }
    let own =
        ["LC_ALL", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let has_own = own.is_some_and(|name| !matches!(name.as_str(), "C" | "POSIX"));
    match given.last("locale") {
        Some(locale) => new.option("locale", locale),
        None if !has_own => new.option("locale", "C.UTF-8"),
        None => {}
    }
    for pair in given.pairs("setenv") {
        new.option("env", &format!("{}={}", pair[0], pair[1]));
    }
}

fn names(new: &mut Translation, given: &Given) {
    if let Some(name) = given.last("server-name") {
        let localhost = given.has("allow-localhost").then_some("localhost");
        for name in [name].into_iter().chain(given.all("server-alias")).chain(localhost) {
            new.option("server-name", name);
        }
    }
}

fn limits(new: &mut Translation, given: &Given) -> Result<(), Failure> {
    let mpms = given.all("server-mpm");
    if !mpms.is_empty() {
        new.option("mpm", &mpms.join(","));
    }
    for (option, value) in [("request-timeout", "60"), ("queue-timeout", "45"), ("deadlock-timeout", "60")] {
        if !given.has(option) {
            new.option("option", &format!("{option}={value}"));
        }
    }
    if let Some(seconds) = given.last("socket-timeout") {
        new.option("option", &format!("socket-timeout={seconds}"));
        new.line("directive", &format!("Timeout {}", word(seconds)?), &[]);
    }
    let body = given.last("limit-request-body").unwrap_or("10485760");
    new.line("directive", &format!("LimitRequestBody {}", word(body)?), &[]);
    match given.last("keep-alive-timeout").unwrap_or("2") {
        "0" => new.line("directive", "KeepAlive Off", &[]),
        seconds => new.line("directive", &format!("KeepAliveTimeout {}", word(seconds)?), &[]),
    }
    if let Some(most) = given.last("maximum-requests").filter(|_| given.has("embedded-mode")) {
        new.line("directive", &format!("MaxConnectionsPerChild {}", word(most)?), &[]);
    }
    if given.has("server-metrics") {
        let line = if given.has("embedded-mode") {
            "WSGIServerMetrics On\nExtendedStatus On"
        } else {
            "ExtendedStatus On"
        };
        new.line("directive", line, &[]);
        new.option("option", "server-metrics=On");
    }
    let of_reading = [
        "header-timeout",
        "header-max-timeout",
        "header-min-rate",
        "body-timeout",
        "body-max-timeout",
        "body-min-rate",
    ];
    if of_reading.iter().any(|name| given.has(name)) {
        let part = |part: &str, first: &str, most: &str| {
            let of =
                |name: &str, usual: &str| given.last(&format!("{part}-{name}")).unwrap_or(usual).to_owned();
            let (first, most, rate) = (of("timeout", first), of("max-timeout", most), of("min-rate", "500"));
            let range = if most == "0" { first } else { format!("{first}-{most}") };
            format!("{part}={range},MinRate={rate}")
        };
        let line = format!("RequestReadTimeout {} {}", part("header", "15", "30"), part("body", "15", "0"));
        new.line("directive", &line, &[]);
    }
    Ok(())
}

fn content(new: &mut Translation, given: &Given, group: &str) -> Result<(), Failure> {
    if let Some(directory) = given.last("document-root") {
        new.option("document-root", directory);
    }
    let allowed = given.all("allow-override");
    if !allowed.is_empty() {
        new.line("document-directive", &format!("AllowOverride {}", allowed.join(" ")), &[]);
    }
    for (number, pair) in given.pairs("add-handler").iter().enumerate() {
        let (end, script) = (word(&pair[0])?, crate::app::whole(&pair[1])?);
        let script = quoted(&script.to_string_lossy())?;
        new.line("document-directive", &format!("AddHandler resource-{number} {end}"), &[]);
        let groups = if given.has("embedded-mode") { "%{GLOBAL}".to_owned() } else { word(group)? };
        let line = format!(
            "WSGIHandlerScript resource-{number} {script} process-group={groups} application-group=%{{GLOBAL}}"
        );
        new.line("directive", &line, &[]);
    }
    Ok(())
}

fn proxies(new: &mut Translation, given: &Given) -> Result<(), Failure> {
    for pair in given.pairs("proxy-mount-point").iter().chain(given.pairs("proxy-url-alias")) {
        let url = format!("/{}", pair[0].trim_matches('/'));
        let slash = if url == "/" { "" } else { "/" };
        let target = format!("{}/", pair[1].trim_end_matches('/'));
        let (from, to) = (quoted(&format!("{url}{slash}"))?, quoted(&target)?);
        let mut lines = format!("ProxyPass {from} {to} upgrade=websocket\nProxyPassReverse {from} {to}\n");
        if url != "/" {
            lines += &format!("RedirectMatch \"^{url}$\" \"{url}/\"\n");
        }
        lines += &format!(
            "<Location {from}>\n    RequestHeader set X-Forwarded-Port expr=%{{SERVER_PORT}}\n    RequestHeader set \
             X-Forwarded-Scheme expr=%{{REQUEST_SCHEME}}\n    RequestHeader set X-Forwarded-Prefix {}\n</Location>",
            quoted(&url)?
        );
        new.line("directive", &lines, &["proxy", "proxy_http", "headers"]);
    }
    Ok(())
}

fn telemetry(new: &mut Translation, given: &Given) -> Result<(), Failure> {
    if let Some(service) = given.last("telemetry-service") {
        let interval = given
            .last("telemetry-interval")
            .map(|seconds| format!(" interval={seconds}"))
            .unwrap_or_default();
        new.line("directive", &format!("WSGITelemetryService {}{interval}", word(service)?), &[]);
    }
    Ok(())
}
