"""The server: what `import apache` gives inside it."""

version: tuple[int, int, int]
"""Version of httpd."""

description: str
"""httpd with the tokens of all its modules, whatever ServerTokens says."""

build_date: str
"""When httpd was built."""

mpm_name: str
"""`event`, `worker` or `prefork`."""

maximum_processes: int
"""The most processes that the MPM starts, in daemon mode too."""

threads_per_process: int
"""Threads of each of them."""
