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
        "The child serves everything else; requests for WSGI applications in it get 500.",
        "The lines above say what Python printed. Run the python of WSGIPythonHome as the Apache user.";
    SOCKET_FAILED 12 Alert,
        "The socket of a process group could not be made.",
        "The server does not start; on a restart the group's requests get 500.",
        "The line names the path and what is wrong with it; WSGISocketPrefix moves it.";
    FORK_FAILED 24 Alert,
        "A process could not be forked.",
        "A process of a group is tried again with a growing delay, the supervisor of all groups at the next restart.",
        "Raise the limit of processes (`ulimit -u`, systemd's TasksMax), or see why memory is short.";
    PRIORITY_FAILED 75 Warning,
        "The priority of a process could not be set (cpu-priority=).",
        "It runs with the server's.",
        "The line says why; only root may raise it.";
    CPU_LIMIT_FAILED 76 Warning,
        "The limit of CPU time could not be set (cpu-time-limit=).",
        "The process runs without it.",
        "The line says why.";
    MEMORY_LIMIT_FAILED 77 Warning,
        "The limit of memory could not be set (memory-limit=).",
        "The process runs without it.",
        "The line says why.";
    ADDRESS_LIMIT_FAILED 78 Warning,
        "The limit of address space could not be set (virtual-memory-limit=).",
        "The process runs without it.",
        "The line says why.";
    LOCALE_UNKNOWN 79 Warning,
        "The system does not know the locale of a process group (locale=).",
        "The process runs with that of the environment.",
        "`locale -a` lists what there is; Debian: dpkg-reconfigure locales.";
    OUTSIDE_CHROOT 81 Error,
        "The script of a request lies outside of the directory that its process group is confined to (chroot=).",
        "The request gets 500.",
        "Move the script below that directory, or do without chroot=.";
    QUEUE_TIMEOUT 84 Error,
        "A request has waited for a thread of its process group for longer than queue-timeout allows.",
        "It gets 504 with Retry-After.",
        "Give the group more threads= or processes=, or see which requests take so long.";
    INTERPRETER_FAILED 87 Error,
        "An interpreter for an application group could not be made.",
        "The request gets 503; it is tried again as the line says.",
        "Usually memory is short, or a `sitecustomize` or `.pth` file fails: the traceback is above.";
    CALLABLE_MISSING 89 Error,
        "The script has no attribute with the name of the callable.",
        "The request gets 500.",
        "Define `application` in the script, or name what it defines with WSGICallableObject or callable-object=.";
    SITE_DIRECTORY 91 Error,
        "A directory of WSGIPythonPath could not be added to sys.path.",
        "The interpreter runs without it.",
        "Read the traceback: a `.pth` file in that directory may be broken.";
    EXIT_SYSTEM_EXIT 97 Error,
        "An exit function (atexit) raised SystemExit.",
        "The other exit functions run.",
        "Do not call sys.exit() in a function registered with atexit.";
    EXIT_FAILED 98 Error,
        "An exit function (atexit) or the wait for threads raised an exception.",
        "The other exit functions run.",
        "Mend the function that the traceback names.";
    SCRIPT_UNREADABLE 105 Error,
        "The script of a request could not be read or compiled.",
        "The request gets 503; it is tried again as the line says.",
        "Correct the syntax error shown, or put the file where the Apache user can read it.";
    PRELOAD_UNREADABLE 106 Error,
        "A script to be loaded at start could not be read or compiled.",
        "It is tried again as the line says, at a request.",
        "As for WSGI0105.";
    SCRIPT_EXITED 107 Error,
        "The script of a request called sys.exit() while it was loaded.",
        "The request gets 503; the process lives, and it is tried again as the line says.",
        "Do not end the process in code that runs at import; guard it with `if __name__ == \"__main__\"`.";
    PRELOAD_EXITED 108 Error,
        "A script called sys.exit() while it was loaded at start.",
        "It is tried again as the line says, at a request.",
        "As for WSGI0107.";
    SCRIPT_RAISED 109 Error,
        "The script of a request raised an exception while it was loaded.",
        "The request gets 503; it is tried again as the line says.",
        "The traceback below shows where. ModuleNotFoundError: add the project's directory with WSGIPythonPath.";
    PRELOAD_RAISED 110 Error,
        "A script raised an exception while it was loaded at start.",
        "It is tried again as the line says, at a request.",
        "As for WSGI0109.";
    QUEUE_FULL 116 Error,
        "The queue of a process group was full for as long as connect-timeout says.",
        "The request gets 503 with Retry-After.",
        "Give the group more threads= or processes=, or a longer listen-backlog=.";
    CONNECT_FAILED 117 Error,
        "The socket of a process group cannot be connected to.",
        "The request gets 503.",
        "The line names the socket: somebody has removed it or its directory, or changed the modes. Restart Apache.";
    EXEC_CGI_OFF 134 Error,
        "A script that no WSGIScriptAlias names was requested where `Options ExecCGI` is off.",
        "The request gets 403.",
        "Add `Options +ExecCGI` to its directory, or mount the script with WSGIScriptAlias.";
    SCRIPT_MISSING 135 Error,
        "The script file does not exist, or the Apache user may not enter its directory.",
        "The request gets 404.",
        "Correct the path in WSGIScriptAlias. A script in a home directory belongs elsewhere, say below /srv.";
    SCRIPT_IS_DIRECTORY 136 Error,
        "The target of the request is a directory.",
        "The request gets 403.",
        "Name the script file itself. To map a directory of scripts, end both URL and path with a slash.";
    PATH_INFO_REFUSED 137 Error,
        "The URL goes on behind the script where `AcceptPathInfo Off` is in force.",
        "The request gets 404.",
        "Remove `AcceptPathInfo Off` for the script.";
    TRANSFER_ENCODING 138 Error,
        "The request's Transfer-Encoding is not `chunked`.",
        "The request gets 501.",
        "Nothing to do: a client sent what nobody supports.";
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
        "An answer has a header that is longer than header-buffer-size allows, more than 1000 headers, or more than 4 MiB of them.",
        "start_response raises ValueError, or the request gets 500.",
        "Have the application send less (cookies, usually), or raise header-buffer-size=.";
    ANSWER_TIMEOUT 145 Error,
        "The process of a request has sent nothing for as long as socket-timeout (else Timeout) says.",
        "504, if nothing was sent to the client; else its connection is cut.",
        "See what the application waits for; SIGUSR2 to the process writes the stacks of all threads.";
    ANSWER_LOST 146 Error,
        "The process of a request has ended before the answer was complete.",
        "502, if nothing was sent to the client; else its connection is cut.",
        "The line of the process's death (WSGI1029) says why.";
    GROUP_FORBIDDEN 149 Error,
        "The process group of the request is none that WSGIRestrictProcess allows.",
        "The request gets 500.",
        "Name it there, or choose another with WSGIProcessGroup.";
    NO_PROCESS_GROUP 150 Error,
        "The request names a process group and none is defined.",
        "The request gets 500.",
        "Define it with WSGIDaemonProcess, or use `%{GLOBAL}` to run the application in embedded mode.";
    UNKNOWN_GROUP 151 Error,
        "The request names a process group that is not defined.",
        "The request gets 500.",
        "Correct the name, or define the group with WSGIDaemonProcess.";
    OTHER_HOSTS_GROUP 152 Error,
        "The request names a process group of another virtual host.",
        "The request gets 500.",
        "Define the group in the main server, or give both hosts the same ServerName.";
    WRONG_GROUP 155 Error,
        "The script, or its directory, is not of the group that script-group= demands, or others may write to it.",
        "A request for it gets 403. A process that is asked in another way does not run it.",
        "Correct the group or the mode that the line names.";
    WRONG_OWNER 164 Error,
        "The script, or its directory, is not of the user that script-user= demands, or others may write to it.",
        "A request for it gets 403. A process that is asked in another way does not run it.",
        "Correct the owner or the mode that the line names.";
    APPLICATION_RAISED 174 Error,
        "The application raised an exception.",
        "500 if nothing was sent; else the connection is cut so that the client notices.",
        "The traceback below shows where.";
    APPLICATION_EXITED 175 Error,
        "The application called sys.exit().",
        "As for WSGI0174; the process lives.",
        "Do not end the process in a request.";
    CLOSE_LOOKUP 194 Error,
        "Looking up `close` on the application's iterable raised something else than AttributeError.",
        "The iterable is not closed.",
        "Mend the object the traceback names.";
    PYTHON_NOT_RUNNING 210 Error,
        "A request needs Python in this Apache child, and it is not running there.",
        "The request gets 500 (503 when the configured python is at fault since the last restart).",
        "An earlier line of this process (WSGI0001, WSGI1001) says why.";
    PYTHON_UNUSABLE 1001 Critical,
        "The python of WSGIPythonHome (without it: /usr/bin/python3, else /usr/local/bin/python3) cannot be used.",
        "The configuration is refused; on a restart of a running server WSGI requests get 503.",
        "Each sentence ends with its remedy. `apachectl configtest` shows it again.";
    OTHER_PYTHON 1002 Critical,
        "Another module has already brought a libpython into Apache's processes.",
        "WSGI requests get 500: two Pythons in one process would crash it.",
        "Remove the other module (mod_python, the original mod_wsgi, a scripting plugin) that the line names.";
    SMALL_STACKS 1003 Notice,
        "ThreadStackSize is below 2 MiB.",
        "Deeply nested data (a JSON body of brackets) can overflow the stack and end the child.",
        "Remove ThreadStackSize, or set it to 2097152 or more.";
    THREADS_LEFT 1004 Notice,
        "The process ends while threads that the application started are running.",
        "Exit functions have run; the threads end with the process.",
        "End them in a function registered with atexit. Those marked (daemon) were not waited for.";
    REQUEST_CUT 1005 Warning,
        "The server stops and a request has not ended in time.",
        "Its client sees a closed connection.",
        "Nothing, if it was meant to run for long; else see what the request waits for.";
    SHORT_RESPONSE 1006 Warning,
        "The application answered with fewer bytes than its Content-Length said.",
        "The connection is closed so that the client notices.",
        "Leave Content-Length out, or count bytes, not characters.";
    PANIC 1007 Error,
        "A fault in mod_wsgi itself was caught.",
        "The request gets 500; the process serves on.",
        "Please report it with this line.";
    ENGINE_MISMATCH 1008 Critical,
        "mod_wsgi.so and _mod_wsgi.abi3.so are not of one version.",
        "WSGI requests get 500.",
        "Install both files together and restart Apache.";
    PYTHON_STARTED 1010 Info,
        "Python is running in this Apache child.",
        "Requests can be served.",
        "Nothing to do.";
    SCRIPT_LOADED 1011 Info,
        "A script was loaded.",
        "Requests for it are served.",
        "Nothing to do.";
    CLIENT_GONE 1012 Info,
        "The client closed the connection while the application read the request's body.",
        "The application got mod_wsgi.ClientDisconnected and let it pass.",
        "Nothing to do.";
    INTERPRETER_LEFT 1013 Debug,
        "At the end of the process an interpreter was not taken down, for other threads use it.",
        "Its exit functions have run.",
        "Nothing to do.";
    EXIT_SKIPPED 1014 Warning,
        "The process ends while a script is still being loaded, while an exit function (atexit) has not ended, or (level info) \
         while an interpreter is still being taken down.",
        "Not every exit function of its applications has run, if the line says so.",
        "See what the script or exit function that the line names waits for.";
    NOT_STARTED 1015 Error,
        "A request came for an application that does not start; written once in 10 s by all processes together.",
        "The request gets 503 with Retry-After; the application is tried again at the time the line names.",
        "Look for the full entry with the same id: it has the traceback.";
    ADVICE 1016 Error,
        "What to do about a failed start, where the failure is a known one.",
        "It stands below the traceback of the full entry.",
        "Do what the line says.";
    START_TIMEOUT 1017 Error,
        "An application has not started within WSGIStartupTimeout.",
        "It is Failed, the others go on on another thread; the stacks of all threads follow.",
        "The stacks show what its import waits for: often a connection without a time limit, or a thread that imports.";
    LOCK_WAIT 1018 Notice,
        "An application has waited for the startup lock for a while.",
        "It waits on; the line names the processes that have the lock, and what they load.",
        "Nothing, if those take their time; else see what they wait for, or give WSGIStartupLock more slots.";
    PRELOAD_BUDGET 1019 Notice,
        "Not all applications are started with the process: WSGIPreload Auto starts 8, and for 10 s.",
        "The others start with their first request.",
        "Set `WSGIPreload On`, or preload=on for those that matter; or give them processes of their own.";
    REPORT 1020 Notice,
        "The stacks of all Python threads, asked for by SIGUSR2.",
        "The process goes on.",
        "Nothing to do.";
    IMPORT_DEADLOCK 1021 Error,
        "Requests wait for imports that do not get on: usually one holds a lock and imports, and another imports a module that wants the lock.",
        "The waiting request is interrupted and gets 503; the others go on.",
        "Import the module that the line names when the application starts, or name a path that needs it in warmup=.";
    EXIT_REFUSED 1022 Error,
        "The application called os._exit(), or something else that would have ended a process that serves others too, or \
         starts one.",
        "It gets mod_wsgi.ExitRefused; the process lives.",
        "The stack shows who calls it. Give the application a process group of its own, or let it end the process: \
         WSGIRestrictExit Off.";
    START_LATE 1023 Notice,
        "A start that had timed out has ended after all.",
        "If it has ended well, the application serves in this process.",
        "Raise WSGIStartupTimeout if it needs that time.";
    WARM_UP_FAILED 1024 Error,
        "A warm-up request answered with a status of 500 or more, or raised an exception.",
        "The start has failed, as if loading had.",
        "The traceback above, if there is one, shows where; a path that is right answers below 500.";
    DJANGO 1025 Warning,
        "What Django's system checks found, unapplied migrations, and their kind (WSGIDjangoAlias).",
        "Errors of checks fail the start, unless checks=off.",
        "Do what Django says; `manage.py check` and `manage.py migrate` show the same.";
    TOO_MANY_WAIT 1026 Warning,
        "Half of the threads of an Apache child (all of a process of a process group) wait for applications that start, and another request came for one.",
        "It gets 503 with Retry-After, so that files and applications that serve are still served.",
        "Have the application started with the process (WSGIPreload, preload=on), or see why its start takes so long.";
    WORKER_STARTED 1027 Info,
        "A process of a process group has been started, or serves.",
        "Nothing yet; or requests are served by it.",
        "Nothing to do.";
    WORKER_ENDS 1028 Info,
        "A process of a process group ends as it should.",
        "Another one has taken its place, or the server stops.",
        "Nothing to do; the line says why.";
    WORKER_DIED 1029 Error,
        "A process of a process group has ended unasked.",
        "Another one is started at once, and more slowly when it happens again and again. Requests in it got 502.",
        "The line says how it ended, how large it was, and what it was doing. SIGSEGV and its kind: the stacks are above (an extension module is at fault). SIGKILL: the system's memory was short, or somebody killed it.";
    REPLACING 1030 Notice,
        "A process of a process group is replaced.",
        "Its successor is started first; it serves until that is ready.",
        "Nothing to do; the line says why.";
    HOLDING 1031 Error,
        "The successor of a process cannot serve.",
        "The processes that there are serve on, with the old code. It is tried again as the line says.",
        "Mend what the lines above name: the script, or its python.";
    SUPERVISOR_STARTED 1032 Info,
        "The supervisor of the process groups has been started.",
        "It starts their processes.",
        "Nothing to do.";
    SUPERVISOR_DIED 1033 Error,
        "The supervisor of the process groups has ended unasked.",
        "Another one is started; the processes serve until their successors are ready.",
        "See who killed it, or report the fault.";
    REQUEST_TIMEOUT 1034 Error,
        "A request has lasted longer than request-timeout allows.",
        "It is interrupted (interrupt-timeout), or its process is replaced.",
        "The stack shows what it waits for.";
    REQUEST_INTERRUPTED 1035 Info,
        "A request that was interrupted has ended.",
        "Its client gets 504, or a broken answer if a part was sent.",
        "See WSGI1034 above.";
    DEADLOCK 1036 Error,
        "No thread of a process got the GIL for as long as deadlock-timeout says.",
        "The process is replaced; requests in it get 502.",
        "The stacks show which extension module keeps the GIL.";
    STRANGER 1037 Error,
        "Somebody who is not Apache has connected to the socket of a process group.",
        "The connection is closed.",
        "The line names the user; see what runs as that user.";
    LINK_BROKEN 1038 Error,
        "What came over a connection between Apache and a process is not what the other side sends.",
        "The connection is closed.",
        "Report it; if both files of the module are of one version it is a fault.";
    THREADS_SHORT 1039 Error,
        "A thread cannot be started.",
        "What it was for is left out.",
        "Raise the limit of processes of the user (`ulimit -u`, systemd's TasksMax).";
    GROUP_DOWN 1040 Error,
        "No process of the group serves.",
        "The request gets 503 with Retry-After.",
        "Earlier lines of the group (WSGI1029, WSGI1031, WSGI1041) say why.";
    GROUP_UNUSABLE 1041 Critical,
        "The python of a process group cannot be used, or another of its settings.",
        "The configuration is refused; on a restart of a running server the processes that there are serve on.",
        "Each sentence ends with its remedy. `apachectl configtest` shows it again.";
    PROCESS_SETUP 1042 Error,
        "A step of preparing a process of a process group has failed.",
        "Where the process can do without, it goes on; else it ends, and is tried again.",
        "The line names the step and the option of WSGIDaemonProcess that it is for.";
    WATCH_FAILED 1043 Warning,
        "A directory cannot be watched, of which a process has imported files (reload=imports).",
        "Changes in it are not noticed; it is said once by each process.",
        "The line says why; where watches are short, raise fs.inotify.max_user_watches or max_user_instances (sysctl).";
    WITHOUT_EFFECT 1045 Notice,
        "The configuration has a directive of an earlier mod_wsgi that nothing needs any more.",
        "It is accepted, and has no effect.",
        "Remove it; the line says where it stands, and why.";
    NO_EMBEDDED_IN_COPIES 1050 Critical,
        "mpm_itk is loaded, and an application would run in Apache's children (embedded mode).",
        "The configuration is refused; a request that comes there in another way gets 500.",
        "Give the application a process group (WSGIDaemonProcess and WSGIProcessGroup), or disable mpm_itk.";
    HOP_BY_HOP 1055 Warning,
        "An application answers with a header that belongs to the connection, which is the server's: Connection, Keep-Alive, Transfer-Encoding, Upgrade and their kind.",
        "The header is left out, the answer is sent. Each process says it once for each application and header.",
        "Nothing that is urgent. Tutorials of server-sent events set Connection: keep-alive; it can be removed there.";
    INPUT_FILTER_MUTE 1056 Error,
        "An input filter (SetInputFilter) answers read after read without data, without an end and without an error.",
        "The application gets OSError, the client 400.",
        "The filter is at fault: see which ones SetInputFilter and AddInputFilter name for this URL.";
    SCRIPT_LOADING 1060 Info,
        "A script is about to be executed: \"Loading\" for the first time, \"Reloading\" when it has changed.",
        "WSGI1011 follows when it serves, else what it failed of.",
        "Nothing to do.";
    INTERPRETER_MADE 1061 Info,
        "A sub-interpreter is about to be made, for an application group that has none.",
        "Applications of the group run in it.",
        "Nothing to do.";
    TIME_ZONE_SET 1062 Warning,
        "An application in an Apache child has set the time zone (TZ), which the C library has once for a process.",
        "From then on the child writes times of that zone into its logs, and other applications in it see it, too.",
        "Run the application in a process group, or set TZ for the whole server (envvars, systemd's Environment=).";
    APPLICATION_ENDS 1065 Notice,
        "An application ends the process that it runs in, which WSGIRestrictExit lets it do.",
        "Other requests in that process are cut.",
        "The line names the application and the place of the call. WSGIRestrictExit On, or Auto, refuses it.";
    HELD_APART 1066 Error,
        "Three processes in a row died while they started the same application.",
        "Processes that start now do so without it: its requests get 503, the others are served. It is tried again, where nobody loses by it.",
        "Earlier lines say how the processes died: in a process group WSGI1029, with the stacks above it; of Apache's children AH00052.";
    DIED_AT_START 1067 Notice,
        "An Apache child died while it started an application.",
        "Apache starts another child. After three deaths in a row the application is held apart (WSGI1066).",
        "See how the child ended (AH00052); an extension module is at fault, usually.";
    BOARD_HELD 1070 Warning,
        "A process holds the lock of the start board that all processes of its user share (Apache's children, or those of process groups), and does not let go of it.",
        "This process does without the board until it is to be had: it starts applications without waiting for others, and learns nothing of their failures. Said once by each process.",
        "The module holds that lock for moments; an application that locks every descriptor it finds holds it for ever. See what the process runs that the line names.";
    LOCK_MISSED 1071 Warning,
        "All slots of the startup lock were taken for a minute.",
        "The application is started all the same.",
        "WSGI1018 has named who had the slots. If starts take that long, give them more: WSGIStartupLock On slots=8.";
    GROUP_HEALED 1085 Warning,
        "The socket or the claims of a process group were found in a state that only a process of the group can have brought about.",
        "They are made anew; processes that are there finish what they have, others start.",
        "An application of the group, or an extension module, uses descriptors that are not its own.";
    LEFT_BEHIND 1086 Notice,
        "Copies or programs that an application had started were still there when its process group ended for good.",
        "They are killed. Those that lead a session of their own (`start_new_session=True`) are left alone.",
        "Have the application end what it starts (`atexit`), if it matters how that ends.";
    FORK_REFUSED 1087 Error,
        "An application forks a process with several interpreters, by `os.fork()` (multiprocessing does).",
        "It gets RuntimeError: CPython would hang in the copy (3.11), with Apache's sockets open, or crash there (3.12, 3.13). Each process says it once.",
        "Give its application group a process group of its own, or start a program (`subprocess`; multiprocessing's method `spawn`).";
    OUTSIDE_SCRIPT_ROOT 1090 Error,
        "The script does not lie below the directory that script-root= names; links are followed.",
        "A request for it gets 403. A process that is asked in another way does not run it.",
        "Correct the path of the script or script-root=, or see who asked for it.";
    BODY_FILE 1091 Warning,
        "A temporary file for the body of a request cannot be written or read.",
        "What cannot be written is kept in memory, up to request-buffer-size. What cannot be read again is missing: the application gets an OSError.",
        "Make room in the directory that the line names, or name another one (TMPDIR in Apache's environment).";
}

#[cfg(test)]
mod tests {
    use super::*;

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
