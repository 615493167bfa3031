"""What an Apache child shares with the applications in it: the signals its threads block, and its time zone.

Runs in the same namespace as prepare.py, which comes first. A process of a group has both to itself.
"""


def share_with_httpd():
    start_programs_unblocked()
    watch_time_zone()


def start_programs_unblocked():
    """Threads of httpd block nearly all signals, and a program inherits that: SIGTERM would not end it. A forked process
    unblocks them (os.rs); what starts a program without a fork is told to, or forks."""
    import _posixsubprocess

    fork_exec = _posixsubprocess.fork_exec
    spawn, spawnp = os.posix_spawn, os.posix_spawnp

    def forking(*arguments):
        if arguments and arguments[-1] is True:  # allow_vfork: its child keeps the mask of the thread
            arguments = (*arguments[:-1], False)
        return fork_exec(*arguments)

    def posix_spawn(*arguments, setsigmask=(), **options):
        return spawn(*arguments, setsigmask=setsigmask, **options)

    def posix_spawnp(*arguments, setsigmask=(), **options):
        return spawnp(*arguments, setsigmask=setsigmask, **options)

    def system(command):
        pid = spawn("/bin/sh", ["sh", "-c", os.fsencode(command)], os.environ, setsigmask=())
        return os.waitpid(pid, 0)[1]

    _posixsubprocess.fork_exec = forking
    subprocess = sys.modules.get("subprocess")
    if hasattr(subprocess, "_fork_exec"):
        subprocess._fork_exec = forking
    import posix

    for function in (posix_spawn, posix_spawnp, system):
        name = function.__name__
        stand_in = StandIn(getattr(os, name), function)
        for module in (os, posix):
            setattr(module, name, stand_in)


def watch_time_zone():
    """The C library has one time zone for the whole process: an application that sets TZ and calls tzset() (Django does)
    shifts the times that Apache writes into its logs. It is said once."""
    import time

    apply, zone, told = time.tzset, zone_of(time), []

    def tzset():
        apply()
        if told or zone_of(time) == zone:
            return
        told.append(True)
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith("<"):
            frame = frame.f_back
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        while frame is not None and not is_script(frame):
            frame = frame.f_back
        script = f"WSGI script '{frame.f_globals.get('__file__')}'" if frame is not None else "an application"
        text = f"{script} has set the time zone to {os.environ.get('TZ')!r} ({place}), which changes it for the whole Apache child"
        native.log(WARNING, f"WSGI1062: {text}, and for the times in its log lines; use daemon mode to avoid that")

    time.tzset = StandIn(apply, tzset)


def is_script(frame):
    return str(frame.f_globals.get("__name__")).startswith("_mod_wsgi_") and frame.f_code.co_filename != "<mod_wsgi>"


def zone_of(time):
    return time.timezone, time.altzone, time.tzname
