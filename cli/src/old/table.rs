//! Every option of mod_wsgi-express, and what it means here.

/// What an option means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// This option of `serve`, with the same values.
    As(&'static str),
    /// This option of `serve`, once for each value, with a file or a directory.
    File(&'static str),
    /// An option of WSGIDaemonProcess.
    Group(&'static str),
    /// Lines of the configuration, and the modules that they need. `{}` is the value, `{path}` the value as a whole path,
    /// `{1}` the second one.
    Line(&'static str, &'static [&'static str]),
    /// Lines for the document root.
    Document(&'static str, &'static [&'static str]),
    /// It means something together with others: `together` does it.
    Together,
    /// What it asks for is so anyway.
    Always,
    /// It has no effect. What to use is said, and the site serves.
    Without(&'static str),
    /// What it asks for is not there. What to use is said, and nothing is served.
    Refused(&'static str),
}

use Meaning::{Always, As, Document, File, Group, Line, Refused, Together, Without};

/// An option: its name without dashes, how many values it has, what it means.
pub type Row = (&'static str, usize, Meaning);

const RULES: &str = "rules of a directory do not reach the application here; write them as rules of a server (their patterns \
                     begin with a slash) into a file, and name it with --include-file";
const LOGROTATE: &str = "logrotate, or --log-to-terminal and what keeps the log there";
const DEBUGGER: &str = "mod-wsgi does not debug; run the application under a development server, such as \
                        'python -m wsgiref.simple_server' or 'manage.py runserver'";
const COVERAGE: &str =
    "mod-wsgi does not measure; run the tests under 'python -m coverage', or start coverage in the script";
const PROFILER: &str =
    "mod-wsgi does not profile; use werkzeug's ProfilerMiddleware, or --slow-requests for stacks";
const RECORDER: &str =
    "mod-wsgi does not record requests; wrap the application in a middleware that writes them";
const GDB: &str = "mod-wsgi starts no gdb; attach to a process of the application: gdb -p PID";
const POOL: &str = "Apache makes as many children as requests need; --directive 'StartServers 2' sets how many there are first";
const TELEMETRY: &str =
    "run mod_wsgi-telemetry of its own, and name its socket with --telemetry-service unix:PATH";

/// All of them, in the order of the manual.
pub const OPTIONS: [Row; 152] = [
    // Application and server
    ("application-type", 1, As("kind")),
    ("entry-point", 1, Together),
    ("callable-object", 1, As("callable")),
    ("application-group", 1, As("application-group")),
    ("process-group", 1, Together),
    ("mount-point", 1, As("mount")),
    ("host", 1, Together),
    ("port", 1, Together),
    ("server-name", 1, Together),
    ("server-alias", 1, Together),
    ("allow-localhost", 0, Together),
    ("http2", 0, Line("Protocols h2 h2c http/1.1", &["http2"])),
    ("working-directory", 1, Together),
    ("server-root", 1, Together),
    ("pid-file", 1, File("pid-file")),
    ("user", 1, Together),
    ("group", 1, Together),
    ("locale", 1, Together),
    ("setenv", 2, Together),
    ("passenv", 1, Line("PassEnv {}", &["env"])),
    ("include-file", 1, File("include")),
    ("rewrite-rules", 1, Refused(RULES)),
    ("envvars-script", 1, File("envvars-script")),
    ("setup-only", 0, Together),
    // TLS
    ("https-port", 1, Together),
    ("ssl-port", 1, Together),
    ("ssl-certificate-file", 1, Together),
    ("ssl-certificate-key-file", 1, Together),
    ("ssl-certificate", 1, Together),
    ("ssl-ca-certificate-file", 1, Together),
    ("ssl-verify-client", 1, Together),
    ("ssl-certificate-chain-file", 1, Together),
    ("ssl-environment", 0, Together),
    ("https-only", 0, Together),
    ("hsts-policy", 1, Together),
    // Processes, threads, limits
    ("processes", 1, As("processes")),
    ("threads", 1, As("threads")),
    ("max-clients", 1, As("max-clients")),
    ("initial-workers", 1, Without(POOL)),
    ("minimum-spare-workers", 1, Without(POOL)),
    ("maximum-spare-workers", 1, Without(POOL)),
    ("limit-request-body", 1, Together),
    ("maximum-requests", 1, Group("maximum-requests")),
    ("server-backlog", 1, Line("ListenBacklog {}", &[])),
    ("daemon-backlog", 1, Group("listen-backlog")),
    ("send-buffer-size", 1, Group("send-buffer-size")),
    ("receive-buffer-size", 1, Group("receive-buffer-size")),
    ("header-buffer-size", 1, Group("header-buffer-size")),
    ("response-buffer-size", 1, Group("response-buffer-size")),
    ("switch-interval", 1, Group("switch-interval")),
    ("free-threading", 0, Refused("only builds of Python with the GIL run here; leave it out")),
    ("cpu-time-limit", 1, Group("cpu-time-limit")),
    ("restart-interval", 1, Group("restart-interval")),
    ("server-mpm", 1, Together),
    ("embedded-mode", 0, As("embedded")),
    ("orphan-interpreter", 0, Line("WSGIDestroyInterpreter Off", &[])),
    // Timeouts
    ("startup-timeout", 1, Group("startup-timeout")),
    ("shutdown-timeout", 1, Group("shutdown-timeout")),
    ("graceful-timeout", 1, Group("graceful-timeout")),
    ("eviction-timeout", 1, Group("eviction-timeout")),
    ("deadlock-timeout", 1, Group("deadlock-timeout")),
    ("inactivity-timeout", 1, Group("inactivity-timeout")),
    ("request-timeout", 1, Group("request-timeout")),
    ("interrupt-timeout", 1, Group("interrupt-timeout")),
    ("ignore-activity", 1, Line("<Location {}>\n    WSGIIgnoreActivity On\n</Location>", &[])),
    ("connect-timeout", 1, Group("connect-timeout")),
    ("socket-timeout", 1, Together),
    ("queue-timeout", 1, Group("queue-timeout")),
    ("response-socket-timeout", 1, Group("response-socket-timeout")),
    ("response-flush-delay", 1, Group("response-flush-delay")),
    ("keep-alive-timeout", 1, Together),
    ("proxy-timeout", 1, Line("ProxyTimeout {}", &["proxy"])),
    ("header-timeout", 1, Together),
    ("header-max-timeout", 1, Together),
    ("body-timeout", 1, Together),
    ("body-max-timeout", 1, Together),
    ("header-min-rate", 1, Together),
    ("body-min-rate", 1, Together),
    // Content, proxying
    ("document-root", 1, Together),
    ("directory-index", 1, Document("DirectoryIndex {}", &[])),
    ("directory-listing", 0, Document("Options +Indexes", &["autoindex"])),
    ("allow-override", 1, Together),
    ("url-alias", 2, As("alias")),
    ("error-document", 2, Line("ErrorDocument {} {1}", &[])),
    ("error-override", 0, Line("WSGIErrorOverride On", &[])),
    ("add-handler", 2, Together),
    ("with-cgi", 0, Document("Options +ExecCGI\nAddHandler cgi-script .cgi", &["cgid"])),
    (
        "with-php5",
        0,
        Refused("there is no PHP 5 any more; run PHP-FPM, and name its site with --proxy-mount-point"),
    ),
    ("proxy-mount-point", 2, Together),
    ("proxy-url-alias", 2, Together),
    (
        "proxy-virtual-host",
        2,
        Refused("write a <VirtualHost> with ProxyPass into a file, and name it with --include-file"),
    ),
    ("trust-proxy-header", 1, Line("WSGITrustedProxyHeaders {}", &[])),
    ("trust-proxy", 1, Line("WSGITrustedProxies {}", &[])),
    (
        "compress-responses",
        0,
        Line(
            "AddOutputFilterByType DEFLATE text/plain text/html text/xml text/css text/javascript application/xml \
             application/xhtml+xml application/javascript application/json",
            &["filter", "deflate"],
        ),
    ),
    ("chunked-request", 0, Always),
    ("map-head-to-get", 1, Line("WSGIMapHEADToGET {}", &[])),
    ("enable-sendfile", 0, Line("EnableSendfile On\nWSGIEnableSendfile On", &[])),
    ("enable-docs", 0, Without("the documentation is not served; read docs/ of the distribution")),
    ("mime-types", 1, Line("TypesConfig {path}", &[])),
    // Logging and status
    ("log-directory", 1, Together),
    ("log-level", 1, As("log-level")),
    ("log-to-terminal", 0, Together),
    ("access-log", 0, Together),
    ("access-log-name", 1, As("access-log-name")),
    ("access-log-format", 1, Together),
    ("error-log-name", 1, As("error-log-name")),
    ("error-log-format", 1, Line("ErrorLogFormat {}", &[])),
    ("startup-log", 0, Without("what Apache says before its log is open is on standard error")),
    ("startup-log-name", 1, Without("what Apache says before its log is open is on standard error")),
    ("rotate-logs", 0, Without(LOGROTATE)),
    ("max-log-size", 1, Without(LOGROTATE)),
    ("rotatelogs-executable", 1, Without(LOGROTATE)),
    (
        "server-status",
        0,
        Line(
            "<Location \"/server-status\">\n    SetHandler server-status\n    Require local\n</Location>",
            &["status"],
        ),
    ),
    ("server-metrics", 0, Together),
    ("verbose-debugging", 0, Without("--log-level 'warn wsgi:debug'")),
    ("lang", 1, Group("lang")),
    // Telemetry
    ("telemetry-service", 1, Together),
    ("enable-telemetry", 0, Refused(TELEMETRY)),
    ("telemetry-ui-port", 1, Refused(TELEMETRY)),
    ("telemetry-interval", 1, Together),
    ("slow-requests", 1, Line("WSGISlowRequests {}", &[])),
    ("telemetry-options", 1, Line("WSGITelemetryOptions {}", &[])),
    // Python
    ("python-path", 1, File("python-path")),
    ("python-eggs", 1, Group("python-eggs")),
    ("python-warnings", 1, Line("WSGIPythonWarnings {}", &[])),
    // Access control
    ("host-access-script", 1, Line("<Location \"/\">\n    WSGIAccessScript {path}\n</Location>", &[])),
    ("auth-user-script", 1, Together),
    ("auth-type", 1, Together),
    ("auth-group-script", 1, Together),
    ("auth-group", 1, Together),
    // Reloading, debugging
    ("reload-on-changes", 0, As("reload")),
    ("disable-reloading", 0, Line("WSGIScriptReloading Off", &[])),
    ("debug-mode", 0, Refused(DEBUGGER)),
    ("enable-debugger", 0, Refused(DEBUGGER)),
    ("debugger-startup", 0, Refused(DEBUGGER)),
    ("enable-coverage", 0, Refused(COVERAGE)),
    ("coverage-directory", 1, Refused(COVERAGE)),
    ("enable-profiler", 0, Refused(PROFILER)),
    ("profiler-directory", 1, Refused(PROFILER)),
    ("enable-recorder", 0, Refused(RECORDER)),
    ("recorder-directory", 1, Refused(RECORDER)),
    ("enable-gdb", 0, Refused(GDB)),
    ("gdb-executable", 1, Refused(GDB)),
    // Services, executables
    ("service-script", 2, Together),
    ("service-user", 2, Together),
    ("service-group", 2, Together),
    (
        "service-log-file",
        2,
        Without("lines of a service are in the error log; give it a logging.FileHandler of its own"),
    ),
    ("httpd-executable", 1, File("httpd")),
    ("modules-directory", 1, File("modules-directory")),
    ("shell-executable", 1, Without("the control script runs with /bin/sh")),
    (
        "process-name",
        1,
        Without(
            "Apache's processes have the name of its program; those of the application that of the group",
        ),
    ),
    ("socket-prefix", 1, Line("WSGISocketPrefix {path}/wsgi", &[])),
];
