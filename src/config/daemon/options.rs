//! The options of WSGIDaemonProcess, one row each. `docs/directives.md` is written from them.

use super::group::GroupOptions;
use super::value::{Value, Wrong};

/// An option: everything there is to know about it.
pub struct Row {
    /// What stands before the `=`.
    pub name: &'static str,
    /// What it sets, as mod_wsgi's messages call it.
    pub(super) thing: &'static str,
    /// What stands behind the `=`, as the documentation shows it.
    pub value: &'static str,
    /// What holds when it is not given.
    pub default: &'static str,
    /// The rest of what a user needs to know.
    pub doc: &'static str,
    /// Takes the value in.
    pub(super) set: Set,
}

type Set = fn(&mut GroupOptions, Value<'_>) -> Result<(), Wrong>;

const fn row(
    [name, thing]: [&'static str; 2],
    [value, default]: [&'static str; 2],
    set: Set,
    doc: &'static str,
) -> Row {
    Row { name, thing, value, default, doc, set }
}

/// Every option, in the order in which the documentation shows them.
pub static OPTIONS: [Row; 54] = [
    row(
        ["processes", "process count"],
        ["number|least..most|auto", "1"],
        |group, value| value.processes().map(|processes| group.processes = Some(processes)),
        "Number of processes of the group. If a number is given, even 1, `wsgi.multiprocess` is True. `1..8`: as many as the \
         requests need; with `0..4` there is none until a request comes, which waits for it. `auto`: as many as processors that \
         Apache may use (affinity, CPU quota of its control group); also as the end of a range, `1..auto`.",
    ),
    row(
        ["scale-up", "scale-up time"],
        ["milliseconds", "50"],
        |group, value| value.number(1..=60_000).map(|n| group.scale_up = n),
        "With a range of `processes=`: a process is added when requests have waited in the queue for this long.",
    ),
    row(
        ["scale-down", "scale-down time"],
        ["seconds", "60"],
        |group, value| {
            let valid = |seconds| (0.1..=1e6).contains(&seconds);
            let number = value.fraction(valid, "must be a number of seconds from 0.1 to 1000000");
            number.map(|seconds| group.scale_down = seconds)
        },
        "With a range of `processes=`: a process finishes and ends when the others would have been enough for this long.",
    ),
    row(
        ["threads", "thread count"],
        ["number", "15"],
        |group, value| value.number(0..=65_533).map(|n| group.threads = n),
        "Number of requests that a process serves at the same time. `wsgi.multithread` is True unless the number is 1. 0: the \
         process serves no requests and only runs its WSGIImportScript.",
    ),
    row(
        ["concurrency", "concurrency"],
        ["auto|spread|number|off", "auto"],
        |group, value| value.concurrency().map(|concurrency| group.concurrency = concurrency),
        "Number of threads of a process that serve requests; the others rest. `auto`: as many as do not merely wait for the GIL, \
         and one more for each request that sleeps; the threads stay on one processor while requests gain by that. `spread`: the same on all processors. \
         `off`: all.",
    ),
    row(
        ["interpreters", "interpreter count"],
        ["number", "1"],
        |group, value| value.number(1..=64).map(|n| group.interpreters = n),
        "Number of interpreters of a process that each application runs in, each with a GIL of its own; a request goes to one that \
         has no request, if there is one. From Python 3.12 on, and not for the main interpreter (`application-group=%{GLOBAL}`). See \
         [daemon-mode.md](daemon-mode.md#several-interpreters-of-a-process).",
    ),
    row(
        ["user", "user"],
        ["name|#uid", "User"],
        |group, value| value.user().map(|user| group.user = Some(user)),
        "User that the processes run as, if root starts Apache. It may not be root.",
    ),
    row(
        ["group", "group"],
        ["name|#gid", "Group"],
        |group, value| value.gid().map(|gid| group.group = Some(gid)),
        "Group that the processes run as.",
    ),
    row(
        ["supplementary-groups", "supplementary groups"],
        ["name|#gid[,…]", "those of the user"],
        |group, value| value.gids().map(|gids| group.supplementary = Some(gids)),
        "Additional groups of the processes, instead of the user's; an empty value means none.",
    ),
    row(
        ["umask", "umask"],
        ["octal", "Apache's"],
        |group, value| value.octal().map(|mask| group.umask = Some(mask)),
        "Permission bits that new files of the processes do not get.",
    ),
    row(
        ["home", "home directory"],
        ["directory", "the user's home, if it is not Apache's User"],
        |group, value| value.absolute().map(|path| group.home = path),
        "Working directory, also the first entry of `sys.path`. The path must be absolute and must exist.",
    ),
    row(
        ["chroot", "chroot directory"],
        ["directory", "none"],
        |group, value| value.chroot().map(|path| group.chroot = path),
        "Root directory of the processes, if root starts Apache. Scripts must be below it. Containers or \
         systemd isolate better.",
    ),
    row(
        ["lang", "lang"],
        ["name", "Apache's"],
        |group, value| value.text().map(|text| group.lang = text),
        "Value of the environment variable LANG.",
    ),
    row(
        ["locale", "locale"],
        ["name", "Apache's"],
        |group, value| value.text().map(|text| group.locale = text),
        "The locale, and the value of the environment variable LC_ALL.",
    ),
    row(
        ["display-name", "display name"],
        ["text|%{GROUP}", "that of the python"],
        |group, value| {
            value.text().map(|text| {
                let own = || [b"(wsgi:", &group.name[..], b")"].concat();
                group.display_name = text.map(|text| if text == b"%{GROUP}" { own() } else { text });
            })
        },
        "Name in the list of processes; `%{GROUP}` is `(wsgi:name)`.",
    ),
    row(
        ["stack-size", "stack size"],
        ["bytes", "8388608"],
        |group, value| value.large(1, "bytes").map(|n| group.stack_size = Some(n)),
        "Stack size of each thread; values below 2097152 are raised to 2097152.",
    ),
    row(
        ["cpu-priority", "CPU priority"],
        ["number", "Apache's"],
        |group, value| value.signed().map(|n| group.cpu_priority = Some(n)),
        "Niceness from -20 to 19; a higher value means less CPU time.",
    ),
    row(
        ["script-user", "script user"],
        ["name|#uid", "off"],
        |group, value| value.uid().map(|uid| group.script_user = Some(uid)),
        "Only scripts that belong to this user are run. Their directory must belong to the user too, and others may not write to either.",
    ),
    row(
        ["script-group", "script group"],
        ["name|#gid", "off"],
        |group, value| value.gid().map(|gid| group.script_group = Some(gid)),
        "The same for a group. It cannot be combined with `script-user=`.",
    ),
    row(
        ["script-root", "script root"],
        ["directory", "none"],
        |group, value| value.absolute().map(|path| group.script_root = path),
        "Only scripts below this directory are run; links are followed. The path must be absolute and must exist.",
    ),
    row(
        ["socket-user", "socket user"],
        ["name|#uid", "User"],
        |group, value| value.uid().map(|uid| group.socket_user = Some(uid)),
        "Owner of the socket between Apache and the processes; no other user may connect.",
    ),
    row(
        ["python-home", "python home"],
        ["directory", "WSGIPythonHome"],
        |group, value| value.path().map(|path| group.python_home = path),
        "Virtual environment or prefix of the Python that the processes run.",
    ),
    row(
        ["python-path", "python path"],
        ["directory[:…]", "none"],
        |group, value| value.text().map(|text| group.python_path = text),
        "Directories at the beginning of `sys.path`, each as a site directory.",
    ),
    row(
        ["python-eggs", "python egg cache"],
        ["directory", "none"],
        |group, value| value.text().map(|text| group.python_eggs = text),
        "Value of the environment variable PYTHON_EGG_CACHE.",
    ),
    row(
        ["switch-interval", "switch interval"],
        ["seconds", "0.005"],
        |group, value| {
            let number = value.fraction(|seconds| seconds > 0.0, "must be a number of seconds above 0");
            number.map(|seconds| group.switch_interval = Some(seconds))
        },
        "The value for `sys.setswitchinterval()`.",
    ),
    row(
        ["server-metrics", "server metrics flag"],
        ["On|Off", "Off"],
        |group, value| value.flag().map(|on| group.server_metrics = on),
        "On: `mod_wsgi.server_metrics()` returns httpd's scoreboard in this group: what each of Apache's children and each of its threads \
         does, with client and request line if `ExtendedStatus On` is set. `WSGIServerMetrics` is for embedded mode alone.",
    ),
    row(
        ["maximum-requests", "request count"],
        ["number", "0: no limit"],
        |group, value| value.large(0, "requests").map(|n| group.maximum_requests = n),
        "A process is replaced after this many requests, or up to a tenth fewer, so that the processes are not all replaced at the same time.",
    ),
    row(
        ["startup-timeout", "startup timeout"],
        ["seconds", "WSGIStartupTimeout"],
        |group, value| value.seconds().map(|n| group.startup_timeout = Some(n)),
        "How long the start of an application may take. 0: no limit.",
    ),
    row(
        ["shutdown-timeout", "shutdown timeout"],
        ["seconds", "5"],
        |group, value| value.seconds().map(|n| group.shutdown_timeout = n),
        "How long requests may continue when a process is told to end. 0: no limit.",
    ),
    row(
        ["graceful-timeout", "graceful timeout"],
        ["seconds", "15"],
        |group, value| value.seconds().map(|n| group.graceful_timeout = n),
        "How long a process that is being replaced waits for its requests to end before it is shut down. 0: no limit.",
    ),
    row(
        ["eviction-timeout", "eviction timeout"],
        ["seconds", "that of graceful-timeout"],
        |group, value| value.seconds().map(|n| group.eviction_timeout = n),
        "The same for a process that is replaced because of SIGUSR1. 0: that of `graceful-timeout=`.",
    ),
    row(
        ["deadlock-timeout", "deadlock timeout"],
        ["seconds", "300"],
        |group, value| value.seconds().map(|n| group.deadlock_timeout = n),
        "A process is replaced if no thread could run Python code for this long. 0: off.",
    ),
    row(
        ["inactivity-timeout", "inactivity timeout"],
        ["seconds", "0: off"],
        |group, value| value.seconds().map(|n| group.inactivity_timeout = n),
        "A process that has served requests, and then had none for this long, is replaced.",
    ),
    row(
        ["request-timeout", "request timeout"],
        ["seconds", "0: off"],
        |group, value| value.seconds().map(|n| group.request_timeout = n),
        "A request that runs longer than this time × (1 + ln threads) is interrupted (interrupt-timeout), or its process is replaced; the request gets 504.",
    ),
    row(
        ["interrupt-timeout", "interrupt timeout"],
        ["seconds", "0: off"],
        |group, value| value.seconds().map(|n| group.interrupt_timeout = n),
        "At request-timeout an exception interrupts the request; if it still runs after this time, its process is replaced. 0: the process is replaced immediately.",
    ),
    row(
        ["restart-interval", "restart interval"],
        ["seconds", "0: off"],
        |group, value| value.seconds().map(|n| group.restart_interval = n),
        "A process is replaced when it has run for this long.",
    ),
    row(
        ["cpu-time-limit", "CPU time limit"],
        ["seconds", "0: off"],
        |group, value| value.seconds().map(|n| group.cpu_time_limit = n),
        "A process is replaced when it has used this much CPU time.",
    ),
    row(
        ["memory-limit", "memory limit"],
        ["bytes", "0: off"],
        |group, value| value.memory().map(|n| group.memory_limit = n),
        "Maximum data size of a process (RLIMIT_DATA); at least 16777216.",
    ),
    row(
        ["rss-limit", "resident memory limit"],
        ["bytes|512M|2G", "0: off"],
        |group, value| value.sized_memory().map(|n| group.rss_limit = n),
        "A process that has more resident memory than this is replaced; at least 16777216 (16M).",
    ),
    row(
        ["virtual-memory-limit", "virtual memory limit"],
        ["bytes", "0: off"],
        |group, value| value.memory().map(|n| group.virtual_memory_limit = n),
        "Maximum address space of a process (RLIMIT_AS); at least 16777216.",
    ),
    row(
        ["listen-backlog", "listen backlog"],
        ["number", "100"],
        |group, value| value.number(0..=i32::MAX as u32).map(|n| group.listen_backlog = n),
        "Number of connections that may wait on the socket until a thread is free.",
    ),
    row(
        ["connect-timeout", "connect timeout"],
        ["seconds", "15"],
        |group, value| value.seconds().map(|n| group.connect_timeout = n),
        "How long a request waits for a place in a full queue; then it gets 503.",
    ),
    row(
        ["socket-timeout", "socket timeout"],
        ["seconds", "0: Timeout"],
        |group, value| value.seconds().map(|n| group.socket_timeout = n),
        "How long Apache waits for more data from a process; then the request gets 504.",
    ),
    row(
        ["queue-timeout", "queue timeout"],
        ["seconds", "0: off"],
        |group, value| value.seconds().map(|n| group.queue_timeout = n),
        "A request that waits longer than this for a thread gets 504.",
    ),
    row(
        ["send-buffer-size", "send buffer size"],
        ["bytes", "0: the system's"],
        |group, value| {
            let complaint = "Send buffer size must be >= 512 bytes, or 0 for system default.";
            value.buffer(512, complaint).map(|n| group.send_buffer_size = n)
        },
        "Send buffer of the socket; at least 512.",
    ),
    row(
        ["receive-buffer-size", "receive buffer size"],
        ["bytes", "0: the system's"],
        |group, value| {
            let complaint = "Receive buffer size must be >= 512 bytes, or 0 for system default.";
            value.buffer(512, complaint).map(|n| group.receive_buffer_size = n)
        },
        "Receive buffer of the socket; at least 512.",
    ),
    row(
        ["header-buffer-size", "header buffer size"],
        ["bytes", "0: 32768"],
        |group, value| {
            let complaint = "Header buffer size must be >= 8192 bytes, or 0 for default.";
            value.buffer(8192, complaint).map(|n| group.header_buffer_size = n)
        },
        "Maximum length of one header of an answer; at least 8192.",
    ),
    row(
        ["request-buffer-size", "request buffer size"],
        ["bytes", "1048576"],
        |group, value| {
            let complaint = "Request buffer size must be >= 65536 bytes, or 0 for off.";
            value.buffer(65_536, complaint).map(|n| group.request_buffer_size = n)
        },
        "Apache reads a body of up to this many bytes before the request takes a thread; at least 65536. 0: off.",
    ),
    row(
        ["response-buffer-size", "response buffer size"],
        ["bytes", "0: 8388608"],
        |group, value| {
            let complaint = "Response buffer size must be >= 65536 bytes, or 0 for default.";
            value.buffer(65_536, complaint).map(|n| group.response_buffer_size = n)
        },
        "Number of bytes of an answer that Apache takes from a thread before the client has received them; at least 65536.",
    ),
    row(
        ["response-socket-timeout", "response socket timeout"],
        ["seconds", "0: Timeout"],
        |group, value| value.seconds().map(|n| group.response_socket_timeout = n),
        "How long Apache waits for a client that does not read the answer.",
    ),
    row(
        ["response-flush-delay", "response flush delay"],
        ["milliseconds", "5"],
        |group, value| value.number(0..=i32::MAX as u32).map(|n| group.response_flush_delay = n),
        "How long Apache waits for more data of an answer before it sends what it has. 0: it sends immediately.",
    ),
    row(
        ["reload", "reload"],
        ["script|imports|off", "script"],
        |group, value| value.reload().map(|reload| group.reload = reload),
        "Which changes replace the processes: changes of the script, of the script and all files that the application \
         imported, or none. New processes start before the old ones end.",
    ),
    row(
        ["reload-wait", "reload wait"],
        ["seconds", "0.2"],
        |group, value| {
            let valid = |seconds| (0.0..=60.0).contains(&seconds);
            let number = value.fraction(valid, "must be a number of seconds from 0 to 60");
            number.map(|seconds| group.reload_wait = seconds)
        },
        "How long a request that notices a change waits for the process with the new code; then the old code serves it.",
    ),
    row(
        ["spawn", "spawn"],
        ["exec|fork", "exec"],
        |group, value| value.spawn().map(|spawn| group.spawn = spawn),
        "Where processes come from. exec: each executes the python and loads the applications. fork: one process loads them, \
         and those that serve are forked of it, where that is safe: see [daemon-mode.md](daemon-mode.md#processes-that-are-forked).",
    ),
];
