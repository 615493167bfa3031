//! The catalogue of log messages: each has a number that never changes its meaning.
//!
//! A line in the error log begins `WSGInnnn: `. Numbers below 1000 are those mod_wsgi uses for the same condition,
//! so that existing searches of logs find them; numbers from 1001 on are this project's own. `docs/messages.md` is
//! written from this table.

use crate::Level;
use core::fmt;

/// An entry of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message(&'static Entry);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    number: u16,
    level: Level,
    when: &'static str,
    then: &'static str,
    remedy: &'static str,
}

impl Message {
    /// The number that the log shows.
    pub fn number(self) -> u16 {
        self.0.number
    }

    /// The level it is logged at.
    pub fn level(self) -> Level {
        self.0.level
    }

    /// A line of the log: the number, and what is to be said.
    pub fn line(self, text: impl fmt::Display) -> String {
        format!("{self}: {text}")
    }

    /// The message whose number stands at the beginning of a line of the log.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let (number, rest) = line.strip_prefix(b"WSGI")?.split_at_checked(4)?;
        let number = number.iter().try_fold(0, |sum: u16, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0'))
        })?;
        let found = ALL.binary_search_by_key(&number, |message| message.number()).ok()?;
        rest.starts_with(b": ").then(|| ALL[found])
    }

    /// It says that the start of an application has failed, and why.
    pub fn is_failed_start(self) -> bool {
        [
            PYTHON_FAILED,
            INTERPRETER_FAILED,
            CALLABLE_MISSING,
            SCRIPT_UNREADABLE,
            PRELOAD_UNREADABLE,
            SCRIPT_EXITED,
            PRELOAD_EXITED,
            SCRIPT_RAISED,
            PRELOAD_RAISED,
            START_TIMEOUT,
            IMPORT_DEADLOCK,
            WARM_UP_FAILED,
            HELD_APART,
        ]
        .contains(&self)
    }

    /// What happened, what follows from it, and what to do.
    pub fn explanation(self) -> [&'static str; 3] {
        [self.0.when, self.0.then, self.0.remedy]
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WSGI{:04}", self.0.number)
    }
}

macro_rules! messages {
    ($($name:ident $number:literal $level:ident, $when:literal, $then:literal, $remedy:literal;)*) => {
        $(
            #[doc = $when]
            pub const $name: Message = Message(&Entry {
                number: $number,
                level: Level::$level,
                when: $when,
                then: $then,
                remedy: $remedy,
            });
        )*
        /// All of them, by number.
        pub const ALL: &[Message] = &[$($name),*];
    };
}

messages! {
    PYTHON_FAILED 1 Critical,
        "Python did not start in an Apache child.",
        "The child serves everything else. Requests for WSGI applications in this child get 500.",
        "The lines above show what Python printed. Run the python of WSGIPythonHome as the Apache user.";
    SOCKET_FAILED 12 Alert,
        "The socket of a process group could not be created.",
        "The server does not start. On a restart, requests for the group get 500.",
        "The line names the path and the error. WSGISocketPrefix moves the socket.";
    FORK_FAILED 24 Alert,
        "Apache could not fork a process.",
        "A process of a group is tried again with a growing delay; the supervisor of all groups at the next restart.",
        "Raise the limit of processes (`ulimit -u`, systemd's TasksMax), or find out why memory is short.";
    BASIC_WITHOUT_SCRIPT 41 Error,
        "`AuthBasicProvider wsgi` is in force where no WSGIAuthUserScript is.",
        "Nobody can log in: the request gets 500.",
        "Add WSGIAuthUserScript to the same section, or take `wsgi` out of AuthBasicProvider.";
    BASIC_WITHOUT_FUNCTION 43 Error,
        "The script of WSGIAuthUserScript has no function check_password().",
        "Nobody can log in: the request gets 500.",
        "Define check_password(environ, user, password) in the script.";
    DIGEST_WITHOUT_SCRIPT 44 Error,
        "`AuthDigestProvider wsgi` is in force where no WSGIAuthUserScript is.",
        "Nobody can log in: the request gets 500.",
        "Add WSGIAuthUserScript to the same section, or take `wsgi` out of AuthDigestProvider.";
    DIGEST_WITHOUT_FUNCTION 46 Error,
        "The script of WSGIAuthUserScript has no function get_realm_hash().",
        "Nobody can log in: the request gets 500.",
        "Define get_realm_hash(environ, user, realm) in the script.";
    GROUPS_ITEM 50 Error,
        "groups_for_user() returned an item that is neither str nor bytes.",
        "The request gets 500.",
        "Return names of groups as strings.";
    GROUPS_RESULT 51 Error,
        "groups_for_user() returned something else than names in an iterable.",
        "The request gets 500.",
        "Return a list of strings; an empty one for a user without groups.";
    GROUPS_WITHOUT_FUNCTION 52 Error,
        "The script of WSGIAuthGroupScript has no function groups_for_user().",
        "The request gets 500.",
        "Define groups_for_user(environ, user) in the script.";
    ACCESS_RESULT 55 Error,
        "allow_access() returned something else than True, False or None.",
        "The request gets 403.",
        "Return True to allow, False to deny, None to leave it to the rest of the configuration.";
    ACCESS_WITHOUT_FUNCTION 56 Error,
        "The script of WSGIAccessScript has no function allow_access().",
        "The request gets 403.",
        "Define allow_access(environ, host) in the script.";
    ACCESS_DENIED 57 Error,
        "allow_access() returned False.",
        "The request gets 403.",
        "Nothing to do if the client is to be kept out.";
    GROUPS_WITHOUT_SCRIPT 58 Error,
        "`Require wsgi-group` is in force where no WSGIAuthGroupScript is.",
        "The request gets 500.",
        "Add WSGIAuthGroupScript to the same section.";
    GROUPS_EMPTY 59 Error,
        "The user is in no group.",
        "Access is denied.",
        "Nothing to do if the user is to be kept out.";
    GROUPS_OTHER 60 Error,
        "The user is in none of the groups that `Require wsgi-group` names.",
        "Access is denied.",
        "Nothing to do if the user is to be kept out.";
    PRIORITY_FAILED 75 Warning,
        "The priority of a process could not be set (cpu-priority=).",
        "The process runs with the server's priority.",
        "The line gives the reason. Only root may raise the priority.";
    CPU_LIMIT_FAILED 76 Warning,
        "The limit of CPU time could not be set (cpu-time-limit=).",
        "The process runs without the limit.",
        "The line gives the reason.";
    MEMORY_LIMIT_FAILED 77 Warning,
        "The limit of memory could not be set (memory-limit=).",
        "The process runs without the limit.",
        "The line gives the reason.";
    ADDRESS_LIMIT_FAILED 78 Warning,
        "The limit of address space could not be set (virtual-memory-limit=).",
        "The process runs without the limit.",
        "The line gives the reason.";
    LOCALE_UNKNOWN 79 Warning,
        "The system does not know the locale of a process group (locale=).",
        "The process runs with the locale of its environment.",
        "`locale -a` lists the locales of the system. Debian: dpkg-reconfigure locales.";
    OUTSIDE_CHROOT 81 Error,
        "The script of a request lies outside the directory that its process group is confined to (chroot=).",
        "The request gets 500.",
        "Move the script below that directory, or remove chroot=.";
    QUEUE_TIMEOUT 84 Error,
        "A request waited longer for a thread of its process group than queue-timeout allows.",
        "The request gets 504 with Retry-After.",
        "Give the group more threads= or processes=, or find out which requests take so long.";
    INTERPRETER_FAILED 87 Error,
        "The interpreter for an application group could not be created.",
        "The request gets 503. The line says when the next attempt follows.",
        "Usually memory is short, or `sitecustomize` or a `.pth` file fails: see the traceback above.";
    CALLABLE_MISSING 89 Error,
        "The script has no attribute with the name of the callable.",
        "The request gets 500.",
        "Define `application` in the script, or name what it defines with WSGICallableObject or callable-object=.";
    SITE_DIRECTORY 91 Error,
        "A directory of WSGIPythonPath could not be added to sys.path.",
        "The interpreter runs without that directory.",
        "Read the traceback: a `.pth` file in that directory may be broken.";
    EXIT_SYSTEM_EXIT 97 Error,
        "An exit function (atexit) raised SystemExit.",
        "The other exit functions run all the same.",
        "Do not call sys.exit() in a function registered with atexit.";
    EXIT_FAILED 98 Error,
        "An exit function (atexit) or the wait for threads raised an exception.",
        "The other exit functions run all the same.",
        "Fix the function that the traceback names.";
    SCRIPT_UNREADABLE 105 Error,
        "The script of a request could not be read or compiled.",
        "The request gets 503. The line says when the next attempt follows.",
        "Fix the syntax error shown, or put the file where the Apache user can read it.";
    PRELOAD_UNREADABLE 106 Error,
        "A script that is loaded at start could not be read or compiled.",
        "The line says when the next attempt follows; a request triggers it.",
        "See WSGI0105.";
    SCRIPT_EXITED 107 Error,
        "The script of a request called sys.exit() while it was loaded.",
        "The request gets 503 and the process goes on. The line says when the next attempt follows.",
        "Do not end the process in code that runs at import. Guard such code with `if __name__ == \"__main__\"`.";
    PRELOAD_EXITED 108 Error,
        "A script called sys.exit() while it was loaded at start.",
        "The line says when the next attempt follows; a request triggers it.",
        "See WSGI0107.";
    SCRIPT_RAISED 109 Error,
        "The script of a request raised an exception while it was loaded.",
        "The request gets 503. The line says when the next attempt follows.",
        "The traceback below shows the place. ModuleNotFoundError: add the project's directory with WSGIPythonPath.";
    PRELOAD_RAISED 110 Error,
        "A script raised an exception while it was loaded at start.",
        "The line says when the next attempt follows; a request triggers it.",
        "See WSGI0109.";
    EVENT_CALLBACK_RAISED 112 Error,
        "A callback for an event (mod_wsgi.subscribe_events() and its kind) raised an exception.",
        "The other callbacks are called, and the request or the process goes on.",
        "Fix the function that the traceback names.";
    QUEUE_FULL 116 Error,
        "The queue of a process group stayed full for the time of connect-timeout.",
        "The request gets 503 with Retry-After.",
        "Give the group more threads= or processes=, or a longer listen-backlog=.";
    CONNECT_FAILED 117 Error,
        "Apache cannot connect to the socket of a process group.",
        "The request gets 503.",
        "The line names the socket. Somebody removed it or its directory, or changed the modes. Restart Apache.";
    EXEC_CGI_OFF 134 Error,
        "A script that no WSGIScriptAlias names was requested where `Options ExecCGI` is off.",
        "The request gets 403.",
        "Add `Options +ExecCGI` to its directory, or mount the script with WSGIScriptAlias.";
    SCRIPT_MISSING 135 Error,
        "The script file does not exist, or the Apache user may not enter its directory.",
        "The request gets 404.",
        "Correct the path in WSGIScriptAlias. Move a script in a home directory to another place, such as /srv.";
    SCRIPT_IS_DIRECTORY 136 Error,
        "The target of the request is a directory.",
        "The request gets 403.",
        "Name the script file itself. To map a directory of scripts, end both URL and path with a slash.";
    PATH_INFO_REFUSED 137 Error,
        "The URL continues after the script, where `AcceptPathInfo Off` applies.",
        "The request gets 404.",
        "Remove `AcceptPathInfo Off` for the script.";
    TRANSFER_ENCODING 138 Error,
        "The request's Transfer-Encoding is not `chunked`.",
        "The request gets 501.",
        "Nothing to do: the client sent an encoding that no server supports.";
    CHUNKED_REFUSED 139 Error,
        "The request body is chunked and WSGIChunkedRequest is off.",
        "The request gets 411.",
        "Set `WSGIChunkedRequest On` if the application reads to the end of the body.";
    CONTENT_LENGTH_BAD 141 Error,
        "The request's Content-Length is not a number.",
        "The request gets 400.",
        "Nothing to do: a client sent a malformed request.";
    EMBEDDED_RESTRICTED 143 Error,
        "The request would run in embedded mode, and WSGIRestrictEmbedded is on.",
        "The request gets 500.",
        "Set `WSGIRestrictEmbedded Off`, or give the application a process group.";
    HEADER_TOO_LONG 144 Error,
        "An answer has a header longer than header-buffer-size allows, more than 1000 headers, or more than 4 MiB of headers.",
        "start_response() raises ValueError, or the request gets 500.",
        "Make the application send less (usually cookies), or raise header-buffer-size=.";
    ANSWER_TIMEOUT 145 Error,
        "The process of a request sent nothing for the time of socket-timeout (without it: Timeout).",
        "The client gets 504 if nothing was sent to it before; otherwise its connection is closed.",
        "Find out what the application waits for. SIGUSR2 makes the process log the stacks of all threads.";
    ANSWER_LOST 146 Error,
        "The process of a request ended before the answer was complete.",
        "The client gets 502 if nothing was sent to it before; otherwise its connection is closed.",
        "The line about the death of the process (WSGI1029) says why.";
    GROUP_FORBIDDEN 149 Error,
        "WSGIRestrictProcess does not allow the process group of the request.",
        "The request gets 500.",
        "Add the group to WSGIRestrictProcess, or choose another one with WSGIProcessGroup.";
    NO_PROCESS_GROUP 150 Error,
        "The request names a process group, but none is defined.",
        "The request gets 500.",
        "Define the group with WSGIDaemonProcess, or use `%{GLOBAL}` to run the application in embedded mode.";
    UNKNOWN_GROUP 151 Error,
        "The request names a process group that is not defined.",
        "The request gets 500.",
        "Correct the name, or define the group with WSGIDaemonProcess.";
    OTHER_HOSTS_GROUP 152 Error,
        "The request names a process group that belongs to another virtual host.",
        "The request gets 500.",
        "Define the group in the main server, or give both hosts the same ServerName.";
    WRONG_GROUP 155 Error,
        "The script or its directory does not belong to the group that script-group= requires, or others may write to it.",
        "A request for the script gets 403. A process that is asked in another way does not run it.",
        "Correct the group or the mode that the line names.";
    WRONG_OWNER 164 Error,
        "The script or its directory does not belong to the user that script-user= requires, or others may write to it.",
        "A request for the script gets 403. A process that is asked in another way does not run it.",
        "Correct the owner or the mode that the line names.";
    APPLICATION_RAISED 174 Error,
        "The application raised an exception.",
        "The client gets 500 if nothing was sent to it before; otherwise its connection is closed, so that the client notices.",
        "The traceback below shows the place.";
    APPLICATION_EXITED 175 Error,
        "The application called sys.exit().",
        "The same as for WSGI0174. The process goes on.",
        "Do not end the process in a request.";
    BASIC_EMPTY_NAME 176 Error,
        "check_password() returned an empty name.",
        "The request gets 500.",
        "Return True, False, None, or the name that the user is to have.";
    BASIC_RESULT 177 Error,
        "check_password() returned something else than True, False, None or a str.",
        "The request gets 500.",
        "Return True, False, None, or the name that the user is to have.";
    DIGEST_EMPTY 178 Error,
        "get_realm_hash() returned an empty hash.",
        "The request gets 500.",
        "Return the MD5 of `user:realm:password` in hexadecimal, or None for an unknown user.";
    DIGEST_RESULT 179 Error,
        "get_realm_hash() returned something else than None, str or bytes.",
        "The request gets 500.",
        "Return the MD5 of `user:realm:password` in hexadecimal, or None for an unknown user.";
    EVENT_CALLBACK_EXITED 190 Error,
        "A callback for an event (mod_wsgi.subscribe_events() and its kind) raised SystemExit.",
        "The same as for WSGI0112.",
        "Do not call sys.exit() in a callback.";
    CLOSE_LOOKUP 194 Error,
        "Looking up `close` on the application's iterable raised an exception other than AttributeError.",
        "The iterable is not closed.",
        "Fix the object that the traceback names.";
    OWN_GIL_TOO_OLD 198 Warning,
        "WSGIPerInterpreterGIL is On, but the Python of WSGIPythonHome or of a process group is older than 3.12.",
        "The interpreters of a process share one GIL.",
        "Remove the directive. Give applications that must not wait for each other process groups of their own.";
    INTERVAL_SKIPPED 199 Warning,
        "A WSGISwitchInterval in `<WSGIInterpreterOptions>` names an application group whose interpreter shares its GIL.",
        "The interpreter is created; the switch interval of the process stays as it is.",
        "Set WSGISwitchInterval for the process: outside of containers, or in one without application-group=.";
    NO_FREE_THREADING 200 Warning,
        "WSGIFreeThreading is On, but the module does not support builds of Python without a GIL (PEP 703) yet.",
        "Python runs with its GIL.",
        "Remove the directive. Use more processes for more processors.";
    FREE_THREADING_OF_GROUP 201 Warning,
        "WSGIFreeThreading stands in a `<WSGIInterpreterOptions>` with application-group=.",
        "It is ignored: whether there is a GIL is a matter of the whole process.",
        "Remove it there.";
    PYTHON_NOT_RUNNING 210 Error,
        "A request needs Python in this Apache child, but Python is not running there.",
        "The request gets 500 (503 if the configured python became unusable at the last restart).",
        "An earlier line of this process (WSGI0001, WSGI1001) says why.";
    PYTHON_UNUSABLE 1001 Critical,
        "The python of WSGIPythonHome (without it: /usr/bin/python3, else /usr/local/bin/python3) cannot be used.",
        "The configuration is refused. On a restart of a running server, WSGI requests get 503.",
        "Each sentence ends with its remedy. `apachectl configtest` shows the message again.";
    OTHER_PYTHON 1002 Critical,
        "Another module has already loaded a libpython into Apache's processes.",
        "WSGI requests get 500: two Pythons in one process would crash it.",
        "Remove the module that the line names (mod_python, the original mod_wsgi, a scripting plugin).";
    SMALL_STACKS 1003 Notice,
        "ThreadStackSize is below 2 MiB.",
        "Deeply nested data (such as a JSON body of brackets) can overflow the stack and end the child.",
        "Remove ThreadStackSize, or set it to 2097152 or more.";
    THREADS_LEFT 1004 Notice,
        "The process ends while threads that the application started are still running.",
        "Exit functions have run. The threads end with the process.",
        "End the threads in a function registered with atexit. Threads marked (daemon) were not waited for.";
    REQUEST_CUT 1005 Warning,
        "The server stops, and a request did not end in time.",
        "The client's connection is closed.",
        "Nothing to do if the request is meant to run for long. Otherwise find out what it waits for.";
    SHORT_RESPONSE 1006 Warning,
        "The application answered with fewer bytes than its Content-Length said.",
        "The connection is closed so that the client notices.",
        "Omit Content-Length, or count bytes instead of characters.";
    PANIC 1007 Error,
        "mod_wsgi caught a fault in its own code.",
        "The request gets 500. The process keeps serving.",
        "Please report it, and include this line.";
    ENGINE_MISMATCH 1008 Critical,
        "mod_wsgi.so and _mod_wsgi.abi3.so have different versions.",
        "WSGI requests get 500.",
        "Install both files together and restart Apache.";
    PYTHON_STARTED 1010 Info,
        "Python is running in this Apache child.",
        "The child can serve requests.",
        "Nothing to do.";
    SCRIPT_LOADED 1011 Info,
        "A script was loaded.",
        "Requests for it are served.",
        "Nothing to do.";
    CLIENT_GONE 1012 Info,
        "The client closed the connection while the application read the request body.",
        "The application got mod_wsgi.ClientDisconnected and did not catch it.",
        "Nothing to do.";
    INTERPRETER_LEFT 1013 Debug,
        "At the end of the process an interpreter was not shut down, because other threads use it.",
        "Its exit functions have run.",
        "Nothing to do.";
    EXIT_SKIPPED 1014 Warning,
        "The process ends while a script is still being loaded, while an exit function (atexit) still runs, or (level info) while an interpreter is still being shut down.",
        "Some exit functions of its applications have not run, if the line says so.",
        "Find out what the script or exit function that the line names waits for.";
    NOT_STARTED 1015 Error,
        "A request arrived for an application that cannot be started. All processes together log this at most once in 10 s.",
        "The request gets 503 with Retry-After. The line says when the next attempt follows.",
        "Look for the full entry with the same id: it contains the traceback.";
    ADVICE 1016 Error,
        "What to do about a failed start whose cause is known.",
        "The line follows the traceback of the full entry.",
        "Do what the line says.";
    START_TIMEOUT 1017 Error,
        "An application did not start within WSGIStartupTimeout, or startup-timeout= of its process group.",
        "This application answers 503; other applications keep loading on another thread. The stacks of all threads follow.",
        "The stacks show what the import waits for: often a connection without a time limit, or a thread that imports.";
    LOCK_WAIT 1018 Notice,
        "An application has waited for the startup lock for some time.",
        "The application keeps waiting. The line names the processes that hold the lock, and what they load.",
        "Nothing to do if those starts are slow. Otherwise find out what they wait for, or give WSGIStartupLock more slots.";
    PRELOAD_BUDGET 1019 Notice,
        "Not all applications are started with the process: WSGIPreload Auto starts at most 8, and for at most 10 s.",
        "The others start with their first request.",
        "Set `WSGIPreload On`, or preload=on for the important ones; or give them process groups of their own.";
    REPORT 1020 Notice,
        "The stacks of all Python threads, requested by SIGUSR2.",
        "The process goes on.",
        "Nothing to do.";
    IMPORT_DEADLOCK 1021 Error,
        "Requests wait for blocked imports. Usually one thread holds a lock and imports, and another imports a module that wants the lock.",
        "The waiting request is interrupted and gets 503. The others continue.",
        "Import the module that the line names when the application starts, or put a path that needs it into warmup=.";
    EXIT_REFUSED 1022 Error,
        "The application called os._exit() or another function that would end the process. The process also serves others, or it is starting an application.",
        "The application gets mod_wsgi.ExitRefused. The process goes on.",
        "The stack shows the caller. Give the application a process group of its own, or set WSGIRestrictExit Off to let it end the process.";
    START_LATE 1023 Notice,
        "A start ended after its timeout.",
        "If the start succeeded, the application serves in this process.",
        "Raise the setting that the line names if the application needs that time.";
    WARM_UP_FAILED 1024 Error,
        "A warm-up request answered with a status of 500 or more, or raised an exception.",
        "The start counts as failed, as if loading had failed.",
        "If there is a traceback above, it shows the place. A warm-up path must answer with a status below 500.";
    DJANGO 1025 Warning,
        "Results of Django's system checks, unapplied migrations and similar findings (WSGIDjangoAlias).",
        "Errors of the checks make the start fail, unless checks=off is set.",
        "Do what Django says. `manage.py check` and `manage.py migrate` show the same.";
    TOO_MANY_WAIT 1026 Warning,
        "Half of the threads of an Apache child (in a process group: all threads of a process) wait for applications that start, and another request for one arrived.",
        "That request gets 503 with Retry-After, so that files and running applications are still served.",
        "Start the application with the process (WSGIPreload, preload=on), or find out why its start takes so long.";
    WORKER_STARTED 1027 Info,
        "A process of a process group was started, or is ready to serve.",
        "A process that is ready serves requests.",
        "Nothing to do.";
    WORKER_ENDS 1028 Info,
        "A process of a process group ends normally.",
        "A new process has replaced it, or the server stops.",
        "Nothing to do. The line says why.";
    WORKER_DIED 1029 Error,
        "A process of a process group died unexpectedly.",
        "A new process is started immediately; after repeated deaths with a growing delay. The requests in the dead process got 502.",
        "The line says how the process ended, how large it was, and what it was doing. SIGSEGV and similar signals: an extension module is at fault, see the stacks above. SIGKILL: memory ran out, or somebody killed the process.";
    REPLACING 1030 Notice,
        "A process of a process group is being replaced.",
        "A new process is started first. The old one serves until the new one is ready.",
        "Nothing to do. The line says why.";
    HOLDING 1031 Error,
        "A new process that was to replace another one failed to start.",
        "The running processes keep serving the old code. The line says when the next try follows.",
        "Fix what the lines above name: the script, or its python.";
    SUPERVISOR_STARTED 1032 Info,
        "The supervisor of the process groups was started.",
        "The supervisor starts the processes of the groups.",
        "Nothing to do.";
    SUPERVISOR_DIED 1033 Error,
        "The supervisor of the process groups died unexpectedly.",
        "A new supervisor is started. The running processes serve until new ones are ready.",
        "Find out who killed the supervisor, or report the fault.";
    REQUEST_TIMEOUT 1034 Error,
        "A request has run longer than request-timeout allows.",
        "The request is interrupted (interrupt-timeout), or its process is replaced.",
        "The stack shows what the request waits for.";
    REQUEST_INTERRUPTED 1035 Info,
        "A request that was interrupted ended.",
        "The client gets 504, or a broken answer if a part was sent before.",
        "See WSGI1034 above.";
    DEADLOCK 1036 Error,
        "No thread of a process got the GIL for the time of deadlock-timeout.",
        "The process is replaced. The requests in it get 502.",
        "The stacks show which extension module holds the GIL.";
    STRANGER 1037 Error,
        "A process of a user other than Apache's connected to the socket of a process group.",
        "The connection is closed.",
        "The line names the user. Find out what runs as that user.";
    LINK_BROKEN 1038 Error,
        "Invalid data arrived on the connection between Apache and a worker.",
        "The connection is closed.",
        "Please report it, if both files of the module have the same version.";
    THREADS_SHORT 1039 Error,
        "A thread cannot be started, or a connection cannot be accepted.",
        "The task of that thread is skipped; a connection waits.",
        "Raise the user's limit of processes (`ulimit -u`, systemd's TasksMax) or of open files (`ulimit -n`).";
    GROUP_DOWN 1040 Error,
        "No process of the group is serving.",
        "The request gets 503 with Retry-After.",
        "Earlier lines of the group (WSGI1029, WSGI1031, WSGI1041) say why.";
    GROUP_UNUSABLE 1041 Critical,
        "The python of a process group, or another of its settings, cannot be used.",
        "The configuration is refused. On a restart of a running server, the running processes keep serving.",
        "Each sentence ends with its remedy. `apachectl configtest` shows the message again.";
    PROCESS_SETUP 1042 Error,
        "A step in preparing a process of a process group failed.",
        "If the process can do without this step, it continues. Otherwise it ends and is tried again.",
        "The line names the step and the option of WSGIDaemonProcess that requires it.";
    WATCH_FAILED 1043 Warning,
        "A directory from which a process imported files cannot be watched (reload=imports).",
        "Changes in that directory are not noticed. Each process logs this once.",
        "The line gives the reason. If the limit of watches is reached, raise fs.inotify.max_user_watches or max_user_instances (sysctl).";
    WITHOUT_EFFECT 1045 Notice,
        "The configuration contains a directive of an earlier mod_wsgi that is no longer needed.",
        "The directive is accepted, but has no effect.",
        "Remove the directive. The line names its place and the reason.";
    GROUP_SHARED 1046 Notice,
        "Virtual hosts of one ServerName define the same process group with the same options, as when certbot copies a virtual host.",
        "The virtual hosts share the processes of one group.",
        "None is needed. Remove one of the definitions, or move it in front of the virtual hosts, to have it in one place.";
    DISPATCH_RESULT 1047 Error,
        "A function of WSGIDispatchScript returned something else than a name or None.",
        "The request gets 500.",
        "Return the name as str or bytes, or None for what the configuration says.";
    SCOREBOARD_NOT_SHOWN 1048 Warning,
        "An application of a process group with `server-metrics=On` called `mod_wsgi.server_metrics()`, and the supervisor of the groups has not answered within 2 s.",
        "The call returned None. Requests are served as before. Each process logs this once.",
        "Look whether the supervisor (WSGI1032 has its pid) is stopped, or the machine is overloaded.";
    NO_EMBEDDED_IN_COPIES 1050 Critical,
        "mpm_itk is loaded, and an application would run in Apache's children (embedded mode).",
        "The configuration is refused. A request that reaches embedded mode in another way gets 500.",
        "Give the application a process group (WSGIDaemonProcess and WSGIProcessGroup), or disable mpm_itk.";
    INTERPRETER_LIMIT 1051 Error,
        "A process has as many interpreters with names that clients may choose as WSGIInterpreterLimit allows.",
        "Requests for another one get 503. Those that exist keep serving, and interpreters that the configuration names are not affected. None is ended to make room, because CPython cannot end one beside others without harm. Each process logs the first refusal with the remedy, then one line in 10 s.",
        "Name application groups in the configuration: for each virtual host, or with `%{SERVER}` in the place of `%{HOST}`. Find out which requests ask for such names (access log). Raise WSGIInterpreterLimit if the server really has that many sites: each interpreter takes several MiB, with Django about 30. A process that is replaced begins with none: restart-interval= or maximum-requests= of the group, MaxConnectionsPerChild for Apache's children.";
    PACKAGE_SHARED 1052 Warning,
        "Two applications of one process use a package in different interpreters that works in one interpreter only.",
        "The second application fails to start where the package notices. Where it does not, results may be wrong, and requests may hang. Each process logs this once for each package.",
        "Run both applications in the main interpreter: `WSGIApplicationGroup %{GLOBAL}`. If they must not share an interpreter, give each a process group of its own, and the main interpreter there.";
    HOP_BY_HOP 1055 Warning,
        "An application answers with a header that only the server may set: Connection, Keep-Alive, Transfer-Encoding, Upgrade and similar ones.",
        "The header is left out and the answer is sent. Each process logs this once for each application and header.",
        "Nothing urgent. Tutorials about server-sent events set Connection: keep-alive; remove that line.";
    INPUT_FILTER_MUTE 1056 Error,
        "An input filter (SetInputFilter) keeps returning no data, no end and no error.",
        "The application gets OSError; the client gets 400.",
        "The filter is at fault. See which filters SetInputFilter and AddInputFilter name for this URL.";
    CREDENTIALS_WITHHELD 1057 Warning,
        "A request came with an Authorization header, the application was not given it (WSGIPassAuthorization Off), and answered 401.",
        "The client is refused, whatever credentials it sends. Each process logs this once for each application.",
        "If the application checks passwords or tokens itself, set `WSGIPassAuthorization On` for it, or pass-authorization=On in its WSGIScriptAlias. Otherwise let Apache check them (AuthType, Require).";
    SCRIPT_LOADING 1060 Info,
        "A script is about to be executed: \"Loading\" for the first time, \"Reloading\" after a change.",
        "WSGI1011 follows when the application serves; otherwise the reason for the failure follows.",
        "Nothing to do.";
    INTERPRETER_MADE 1061 Info,
        "A sub-interpreter is about to be created for a new application group.",
        "Applications of the group run in it.",
        "Nothing to do.";
    TIME_ZONE_SET 1062 Warning,
        "An application in an Apache child set the time zone (TZ). The C library has one time zone for the whole process.",
        "From then on the child writes its logs in that time zone, and other applications in it see that zone too.",
        "Run the application in a process group, or set TZ for the whole server (envvars, systemd's Environment=).";
    APPLICATION_ENDS 1065 Notice,
        "An application ends the process that it runs in, which WSGIRestrictExit allows.",
        "Other requests in that process are cut off.",
        "The line names the application and the place of the call. WSGIRestrictExit On or Auto refuses such calls.";
    HELD_APART 1066 Error,
        "Three processes in a row died while they started the same application.",
        "New processes start without this application: its requests get 503, the other applications are served. The next try takes place in a process that no request waits for.",
        "Earlier lines say how the processes died: WSGI1029 in a process group, with the stacks above it; AH00052 for Apache's children.";
    DIED_AT_START 1067 Notice,
        "An Apache child died while it started an application.",
        "Apache starts another child. After three deaths in a row, new children start without the application (WSGI1066).",
        "See how the child ended (AH00052). Usually an extension module is at fault.";
    BOARD_HELD 1070 Warning,
        "A process keeps the lock of the start registry, which all processes of its user share (Apache's children, or those of process groups).",
        "This process works without the registry until the lock is free: it starts applications without waiting for others, and does not see their failures. Each process logs this once.",
        "The module holds that lock only for moments. An application that locks every descriptor it finds holds it for ever. Find out what the process that the line names runs.";
    LOCK_MISSED 1071 Warning,
        "All slots of the startup lock were in use for a minute.",
        "The application starts without the lock.",
        "WSGI1018 names the processes that held the slots. If starts take that long, add slots: WSGIStartupLock On slots=8.";
    SLOW_REQUEST 1080 Warning,
        "A request has lasted longer than WSGISlowRequests allows, and still runs.",
        "The request continues. The lines below it show where its thread stands. Each request is named once while it runs.",
        "The innermost frames show what it waits for. Raise WSGISlowRequests if requests may take that long.";
    SLOW_REQUEST_ENDED 1081 Warning,
        "A request that has lasted longer than WSGISlowRequests allows has ended.",
        "Nothing more; the line shows how long it took.",
        "WSGI1080 shows where it stood meanwhile, if it still ran when it was looked at.";
    TELEMETRY_FAILED 1082 Warning,
        "A process cannot send to the service that WSGITelemetryService names.",
        "Nothing is sent about this process; it serves as usual.",
        "The line names the system's error. A service that does not listen is no error: what is sent meanwhile is lost.";
    GROUP_HEALED 1085 Warning,
        "The socket or the scoreboard of a process group was in a state that only a process of the group can have caused.",
        "A new one is created. Running processes finish their requests, and new processes start.",
        "An application of the group, or an extension module, uses descriptors that are not its own.";
    LEFT_BEHIND 1086 Notice,
        "Forked processes or programs that an application started were still running when its process group ended for good.",
        "They are killed. Those with a session of their own (`start_new_session=True`) are left running.",
        "Make the application end what it starts (`atexit`), if it matters how that ends.";
    FORK_REFUSED 1087 Error,
        "An application called `os.fork()` (multiprocessing does) in a process with several interpreters.",
        "The application gets RuntimeError. In the forked process CPython would hang with Apache's sockets open (3.11) or crash (3.12, 3.13). Each process logs this once.",
        "Give its application group a process group of its own, or start a program instead (`subprocess`; multiprocessing's method `spawn`).";
    OUTSIDE_SCRIPT_ROOT 1090 Error,
        "The script does not lie below the directory that script-root= names (after following links).",
        "A request for the script gets 403. A process that is asked in another way does not run it.",
        "Correct the path of the script or script-root=, or find out who requested it.";
    BODY_FILE 1091 Warning,
        "A temporary file for a request body cannot be written or read.",
        "If the file cannot be written, the data stays in memory, up to request-buffer-size. If it cannot be read, the application gets an OSError.",
        "Make room in the directory that the line names, or name another one (TMPDIR in Apache's environment).";
    CLIENT_STUCK 1092 Info,
        "A client has taken nothing of its answer for response-socket-timeout, or Apache's Timeout.",
        "The connection to it is cut, and the application hears that its client has gone.",
        "Nothing to do for single clients. Raise response-socket-timeout if many have a line that stands still for so long.";
    UNUSED_GROUP 1094 Warning,
        "No directive that applies to anything selects a process group.",
        "The processes of the group serve no request. Applications that were meant for it run elsewhere, usually in Apache's children.",
        "Add process-group= to the WSGIScriptAlias, or WSGIProcessGroup where the script is. A path of <Directory> must be absolute, and a path of <Location> begins with a slash.";
    SHADOWED_ALIAS 1095 Warning,
        "An alias comes after another one that matches all its URLs: the first that matches counts.",
        "The later alias never gets a request.",
        "Put the longer URL path above the shorter one, or remove one of the two lines.";
    GROUP_OUT_OF_REACH 1096 Warning,
        "A directive names a process group that does not exist, or one of a virtual host with another ServerName.",
        "Requests that it applies to get 500 (WSGI0150, WSGI0151 or WSGI0152).",
        "Correct the name, or define the group outside of virtual hosts, where all may use it.";
    HOME_IN_VAIN 1097 Warning,
        "WSGIPythonHome names a python that runs nothing: all applications are in process groups with a python-home= of their own.",
        "The python must exist and is checked, but no application uses it.",
        "Remove WSGIPythonHome; or remove python-home= of the groups that were meant to use it.";
    SCRIPT_CLOSED 1098 Warning,
        "The user of a process may not read a script, or not enter a directory on the way to it.",
        "The application does not start: its requests get 503.",
        "The line names the directory or file, its mode and its owner. Let that user read it, or run the application as a user who may.";
    SHARED_INTERPRETER 1099 Warning,
        "Two Django projects share an interpreter of the same process. Django keeps one set of settings in an interpreter.",
        "The project that is loaded second runs with the settings of the first, or fails to start.",
        "Give each its own process group, or at least its own application group.";
    SCALED_UP 1100 Info,
        "Requests have waited in the queue of a process group for longer than scale-up allows, or one has come to a group without a process.",
        "One more process starts, and the line says how many there are then. The requests wait meanwhile.",
        "Nothing to do. If the group is at its most all day, raise the end of the range in processes=; if it grows and shrinks all the time, raise scale-down=.";
    SCALED_DOWN 1101 Info,
        "For as long as scale-down says, a process group has had more processes than its requests needed.",
        "The process that the line names takes nothing more, finishes what it has, and ends. The others stay.",
        "Nothing to do. Raise the beginning of the range in processes= if the next requests should not wait for a start.";
    RSS_LIMIT_LOW 1102 Warning,
        "A process has more memory than rss-limit allows when its applications have just been started.",
        "The process is not replaced because of rss-limit: the next one would need as much.",
        "Raise rss-limit above what the line says that the process has, with room for its requests.";
    ONE_PROCESSOR 1103 Info,
        "The threads of a process that serve requests are tried on one processor, or run on all for good (concurrency=auto, WSGIConcurrency auto).",
        "Only one of them has the GIL at a time. Where requests compute and wait in turn they take less time on one processor, which was tried. Programs and threads that requests start run on all processors; a process whose requests start processes is left alone from then on.",
        "Nothing to do. `concurrency=spread` (WSGIConcurrency spread in embedded mode) leaves threads where the system puts them.";
    NOT_FORKED 1110 Warning,
        "A process group has spawn=fork, but forked processes could not work: its template has threads, processes, connections, SQLite databases or locks of its own, or several interpreters.",
        "The processes of the group are executed, as with spawn=exec. The next template is tried when a script changes, or after a restart.",
        "The line names what stands in the way and where it was made. Make it in the first request, or in a function for `os.register_at_fork(after_in_child=...)`. Several interpreters: `WSGIApplicationGroup %{GLOBAL}`. Or remove spawn=fork.";
    NO_LEDGER 1111 Warning,
        "The memory in which requests are counted could not be created.",
        "Requests are served. The status page has nothing to show.",
        "The line names the error: memory or descriptors of the system are short. Restart Apache afterwards.";
    NO_QUESTIONS 1112 Warning,
        "The sockets at which the command mod-wsgi asks Apache's processes could not be created.",
        "Requests are served. `mod-wsgi status`, `requests`, `stacks` and `profile` find nothing to ask.",
        "The line names the path and the error: create its directory, let root (and Apache's user, in a chroot) reach it and root alone write there, or name another place with WSGISocketPrefix. Then restart Apache.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_by_its_number_what_it_is_about() {
        assert_eq!(Message::of_line(SCRIPT_RAISED.line("x").as_bytes()), Some(SCRIPT_RAISED));
        for line in
            ["", "WSGI", "WSGI01", "WSGI0109", "WSGI0109 x", "WSGI9999: x", "WSGI+109: x", "x WSGI0109: x"]
        {
            assert_eq!(Message::of_line(line.as_bytes()), None, "{line}");
        }
        assert!(SCRIPT_RAISED.is_failed_start() && !WORKER_DIED.is_failed_start());
    }

    #[test]
    fn numbers_rise_and_every_entry_says_what_to_do() {
        for pair in ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number(), "{} stands before {}", pair[0], pair[1]);
        }
        for message in ALL {
            assert!(message.explanation().iter().all(|text| text.ends_with('.')), "{message}");
        }
    }
}
