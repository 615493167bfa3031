"""manage.py runmodwsgi: serves the project with Apache. Its options are those of `mod_wsgi-express start-server`."""

import os
from typing import Any
from urllib.parse import urlparse

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mod_wsgi._command import run

# Options of Django that manage.py has read already; those of the second line have a value.
DJANGO = ("--no-color", "--force-color", "--skip-checks", "--traceback")
WITH_VALUE = ("--settings", "--pythonpath", "--verbosity", "-v")


class Command(BaseCommand):
    """The options stay as they were written: the command that is run reads them, and shows their help."""

    help = "Serves this project with Apache and mod_wsgi; options as for mod_wsgi-express start-server"

    def run_from_argv(self, argv: list[str]) -> None:
        try:
            self.handle(*argv[2:])
        except CommandError as error:
            self.stderr.write(f"CommandError: {error}")
            raise SystemExit(error.returncode) from None

    def handle(self, *args: str, **options: Any) -> None:
        own = without_those_of_django(list(args))
        try:
            run(["start-server", *of_the_project(own), *own], "mod_wsgi-express")
        except OSError as error:
            raise CommandError(str(error)) from None


def without_those_of_django(arguments: list[str]) -> list[str]:
    kept, rest = [], iter(arguments)
    for argument in rest:
        if argument in WITH_VALUE:
            next(rest, None)
        elif argument not in DJANGO and not argument.startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            kept.append(argument)
    return kept


def of_the_project(given: list[str]) -> list[str]:
    """What the settings say: the application, the working directory and where static files are."""
    name = getattr(settings, "WSGI_APPLICATION", None)
    if not name:
        raise CommandError('the settings have no WSGI_APPLICATION; write one, such as "mysite.wsgi.application"')
    module, _, callable_object = name.rpartition(".")
    arguments = ["--application-type", "module", "--entry-point", module, "--callable-object", callable_object]
    if not any(argument.split("=")[0] == "--working-directory" for argument in given):
        arguments += ["--working-directory", directory()]
    url, root = getattr(settings, "STATIC_URL", None), getattr(settings, "STATIC_ROOT", None)
    white_noise = any("whitenoise" in middleware.lower() for middleware in settings.MIDDLEWARE)
    if url and root and not white_noise and not urlparse(url).netloc:
        arguments += ["--url-alias", "/" + url.strip("/"), os.fspath(root)]
    return arguments


def directory() -> str:
    """BASE_DIR, else the directory that has the package of the settings."""
    base = getattr(settings, "BASE_DIR", None)
    if base:
        return os.fspath(base)
    package = __import__(settings.SETTINGS_MODULE.partition(".")[0])
    return os.path.dirname(os.path.dirname(os.path.abspath(package.__file__ or ".")))
