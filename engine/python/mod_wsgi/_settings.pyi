"""What the engine tells prepare(): wire/src/settings.rs describes it, and a test of the engine compares the two."""

from typing import TypedDict

class Settings(TypedDict):
    # Of the process.
    process_group: str
    daemon: bool
    multithread: bool
    multiprocess: bool
    run_once: bool
    processes: int
    threads: int
    concurrency: int
    one_processor: bool
    interpreters: int
    apache_version: tuple[int, int, int]
    description: str
    build_date: str
    mpm_name: str
    apache_processes: int
    apache_threads: int
    hide_hash_seed: bool
    case_sensitive: bool
    restrict_exit: int
    destroy_interpreters: bool
    registry: int
    permits: int
    spare_permits: int
    generation: int
    begun: int
    interpreter_limit: int
    startup_timeout: float
    startup_timeout_of_group: bool
    startup_requests: int
    import_timeout: float
    server_metrics: bool
    telemetry: str
    telemetry_interval: float
    telemetry_user_agent: bool
    slow_requests: float
    beside: bool
    died: int
    died_by: str
    script_user: int
    script_group: int
    script_root: str
    # Of the interpreter.
    python_path: list[str]
    home: str
    own_gil: bool
    restrict_stdin: bool
    restrict_stdout: bool
    restrict_signal: bool
    keep_stdout: bool
    switch_interval: float
    own_switch_interval: float
    # What the engine adds.
    main: bool
    application_group: str
    service: bool
    own_gils: bool
    version: tuple[int, int, int]
    environ: list[tuple[bytes, bytes]]
