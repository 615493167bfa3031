"""mod_wsgi.django: starts a Django project as `manage.py runserver` starts it, and yields its WSGI application.

WSGIDjangoAlias calls get_application(); a WSGI script may call it as well. This runs when something of it is used first in
an interpreter. Not here: reloading (a project's files are watched by the loader) and files that Apache serves itself
(static=URL:DIR).
"""

import ast
import os
import sys
from importlib import import_module

from . import _native as native
from ._levels import ERROR, INFO, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Literal

    Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

VARIABLE = "DJANGO_SETTINGS_MODULE"
DATABASE_SECONDS = 10  # after that long the start goes on without knowing which migrations are applied

started: "tuple[object, str] | None" = (
    None  # (Django's settings object, project directory): Django keeps one project in an interpreter
)
running = False


class ProjectError(Exception):
    """What to change in Apache's configuration or in the project, in one sentence."""


def get_application(
    project_dir: "str | bytes | os.PathLike[str]",
    settings: str | None = None,
    *,
    checks: 'Literal["error", "warning", "off"]' = "error",
    static: 'Literal["finders"] | None' = None,
    url: str | None = None,
) -> "Application":
    """The WSGI application of the project whose manage.py is in `project_dir`.

    settings: the settings module; without it, the one manage.py names.
    checks: "error": errors Django's system checks find fail the start; "warning": warnings too; "off": no checks.
    static: "finders": Django serves static files too, whatever DEBUG is, as runserver --insecure does.
    url: the URL path the project is served below, for URLs that are made during the start.
    """
    global started, running
    if checks not in ("error", "warning", "off"):
        raise ProjectError(f"checks={checks} is unknown: write checks=error, checks=warning or checks=off")
    if static not in (None, "finders"):
        raise ProjectError(f"static={static} is unknown here: write static=finders, or leave it out")
    project = readable_directory(project_dir)
    module = settings or settings_of_manage_py(project)
    refuse_second_project(project, module)
    if running:
        # WSGI_APPLICATION names the module that called us.
        return with_static_files(wsgi_handler(), static)
    running = True
    try:
        sys.path[:] = [project, *(path for path in sys.path if path != project)]
        os.environ[VARIABLE] = module
        import_settings(project, module)
        from django.conf import settings as configured
        from django.db import connections

        started = (configured, project)
        set_up(configured, url)
        try:
            if checks != "off":
                check(module, checks)
            if not configured.DEBUG and not configured.ALLOWED_HOSTS:
                say(WARNING, f"ALLOWED_HOSTS of {module!r} is empty and DEBUG is off: every request will get 400")
            warn_of_migrations(configured, project)
            load_urls(configured)
            return with_static_files(configured_application(configured), static)
        finally:
            connections.close_all()  # of this thread, which serves no requests
            if url is None:
                # They were cached for an application at "/"; the first request knows better.
                for name in ("STATIC_URL", "MEDIA_URL"):
                    vars(configured).pop(name, None)
    finally:
        running = False


def readable_directory(project_dir: "str | bytes | os.PathLike[str]") -> str:
    project = os.fsdecode(project_dir)
    if not os.path.isabs(project):
        raise ProjectError(f"{project!r} is not an absolute path: write the whole path of the project's directory")
    project = os.path.abspath(project)
    try:
        names = os.listdir(project)
    except PermissionError:
        raise ProjectError(
            f"{project!r} cannot be read by the user {user()}, as whom the application runs: move it to where that "
            "user can read it, say below /srv; home directories are usually closed to other users"
        ) from None
    except OSError as error:
        raise ProjectError(
            f"{project!r} cannot be opened ({error.strerror}): write the path of the directory that has manage.py"
        ) from None
    above = os.path.dirname(project)
    # A likely slip; otherwise no manage.py is needed if the settings are named.
    if "manage.py" not in names and "__init__.py" in names and os.path.exists(os.path.join(above, "manage.py")):
        raise ProjectError(
            f"{project!r} is a package inside the project: write {above!r}, the directory that has manage.py"
        )
    return project


def user() -> str:
    import pwd

    try:
        return repr(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return f"number {os.geteuid()}"


def settings_of_manage_py(project: str) -> str:
    """The settings module that manage.py sets, read from its text: running it would do what it is told by sys.argv."""
    path = os.path.join(project, "manage.py")
    remedy = "write settings=MODULE, such as settings=mysite.settings"
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
    except FileNotFoundError:
        below = sorted(entry.path for entry in os.scandir(project) if os.path.exists(entry.path + "/manage.py"))
        meant = f"write {' or '.join(map(repr, below))}, which has one, or " if below else ""
        raise ProjectError(f"{project!r} has no manage.py that names the settings: {meant}{remedy}") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ProjectError(f"{path!r} cannot be read ({error}): repair it, or {remedy}") from None
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="setdefault"), args=[ast.Constant(value=name), ast.Constant(value=str(module))]
            ) if name == VARIABLE:
                found.add(module)
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value=name))], value=ast.Constant(value=str(module))
            ) if name == VARIABLE:
                found.add(module)
    if len(found) != 1:
        what = f"names several settings modules ({', '.join(sorted(found))})" if found else "sets no " + VARIABLE
        raise ProjectError(f"{path!r} {what}: {remedy}")
    return found.pop()


def refuse_second_project(project: str, module: str) -> None:
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return
    now = getattr(conf.settings, "SETTINGS_MODULE", None)
    where = started[1] if started is not None and started[0] is conf.settings else None
    if now != module or where not in (None, project):
        at = f" of {where!r}" if where else ""
        raise ProjectError(
            f"Django already runs {now!r}{at} in this interpreter and cannot run {module!r} of {project!r} beside "
            "it: give each project an application group of its own (application-group=NAME, or WSGIApplicationGroup)"
        )


def import_settings(project: str, module: str) -> None:
    """The two mistakes of a first configuration, told apart from errors inside the settings."""
    try:
        import_module("django")
    except ModuleNotFoundError as error:
        if error.name != "django":
            raise
        raise ProjectError(
            f"there is no Django in this Python ({sys.prefix}): name the project's virtual environment with "
            "WSGIPythonHome, or install Django in this one"
        ) from None
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module and not module.startswith(f"{error.name}."):
            raise
        top = sys.modules.get(module.partition(".")[0])
        place = getattr(top, "__file__", None) or next(iter(getattr(top, "__path__", ())), "built in")
        other = f" ({top.__name__!r} is {place})" if top is not None else ""
        raise ProjectError(
            f"the settings module {module!r} is not in {project!r}{other}: correct settings= or manage.py, or write "
            "the directory that has manage.py"
        ) from None


def set_up(settings: "Any", url: str | None) -> None:
    """What setting up does: TIME_ZONE (when the settings are read), logging, applications and their models."""
    import django
    from django.urls import set_script_prefix
    from django.utils import translation

    if url is not None and settings.FORCE_SCRIPT_NAME is None:
        set_script_prefix(url)
        django.setup(set_prefix=False)
    else:
        django.setup()
    if settings.USE_I18N:
        translation.activate(settings.LANGUAGE_CODE)


def check(module: str, fail_from: str) -> None:
    from django.core import checks

    messages = checks.run_checks()
    shown = sorted((m for m in messages if not m.is_silenced()), key=lambda m: -m.level)
    for message in shown:
        serious = message.level >= checks.WARNING
        say(ERROR if message.level >= checks.ERROR else WARNING if serious else INFO, f"system check: {message}")
    say(INFO, f"the system checks of {module!r} found {len(shown)} issue(s) ({len(messages) - len(shown)} silenced)")
    failures = [m for m in shown if m.level >= (checks.ERROR if fail_from == "error" else checks.WARNING)]
    if failures:
        # In one line: it is repeated for each visitor who comes meanwhile.
        listed = "; ".join(" ".join(str(message).split()) for message in failures[:10])
        more = f"; and {len(failures) - 10} more" if len(failures) > 10 else ""
        raise ProjectError(
            f"repair what Django's system checks found in {module!r}, or write checks=off: {listed}{more}"
        )


def warn_of_migrations(settings: "Any", project: str) -> None:
    """A database that does not answer must not hold up the start, so another thread asks it."""
    import threading

    if not settings.DATABASES.get("default", {}).get("ENGINE", "").replace("django.db.backends.dummy", ""):
        return
    result: list[list[str] | BaseException] = []

    def ask() -> None:
        from django.db import connections
        from django.db.migrations.executor import MigrationExecutor

        try:
            executor = MigrationExecutor(connections["default"])
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            result.append([migration.app_label for migration, backwards in plan])
        except BaseException as exception:
            result.append(exception)
        finally:
            connections.close_all()

    thread = threading.Thread(target=ask, name="mod_wsgi: unapplied migrations", daemon=True)
    thread.start()
    thread.join(DATABASE_SECONDS)
    if not result:
        say(WARNING, f"the database of {project!r} has not answered within {DATABASE_SECONDS} s: migrations unchecked")
    elif isinstance(result[0], BaseException):
        name = type(result[0]).__name__
        say(WARNING, f"it is not known which migrations of {project!r} are applied: {name}: {result[0]}")
    elif result[0]:
        apps = ", ".join(sorted(set(result[0])))
        say(
            WARNING,
            f"{len(result[0])} unapplied migration(s) of {project!r} (in {apps}): run 'python manage.py migrate' there",
        )


def load_urls(settings: "Any") -> None:
    """Errors in modules of views come now, not with the first visitor."""
    if getattr(settings, "ROOT_URLCONF", None):
        from django.urls import get_resolver

        get_resolver().url_patterns  # noqa: B018 (a property that imports)


def wsgi_handler() -> "Application":
    from django.core.wsgi import get_wsgi_application

    application: Application = get_wsgi_application()
    return application


def configured_application(settings: "Any") -> "Application":
    name = getattr(settings, "WSGI_APPLICATION", None)
    if name is None:
        return wsgi_handler()
    from django.utils.module_loading import import_string

    try:
        application: Application = import_string(name)
        return application
    except ModuleNotFoundError as error:
        if error.name != name.rpartition(".")[0]:
            raise
        raise ProjectError(
            f"WSGI_APPLICATION is {name!r}, but there is no module {error.name!r}: correct it in the settings, or "
            "remove it there"
        ) from None


def with_static_files(application: "Application", static: str | None) -> "Application":
    if static is None:
        return application
    from django.apps import apps

    if not apps.is_installed("django.contrib.staticfiles"):
        raise ProjectError("static=finders needs 'django.contrib.staticfiles' in INSTALLED_APPS of the settings")
    from urllib.parse import urlparse

    from django.conf import settings
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.handlers.wsgi import get_path_info, get_script_name
    from django.urls import set_script_prefix

    handler: Any = StaticFilesHandler

    class StaticFiles(handler):  # type: ignore[misc]
        """Below any URL: Django's own expects an application at "/"."""

        base_url = property(lambda self: urlparse(settings.STATIC_URL), lambda self, value: None)

        def __call__(self, environ: "dict[str, Any]", start_response: "Callable[..., Any]") -> "Iterable[bytes]":
            script = get_script_name(environ)
            set_script_prefix(script)  # which a relative STATIC_URL is relative to
            if self._should_handle(script.rstrip("/") + get_path_info(environ)):
                blocks: Iterable[bytes] = super(StaticFilesHandler, self).__call__(environ, start_response)
            else:
                blocks = self.application(environ, start_response)
            return blocks

    static_files: Application = StaticFiles(application)
    return static_files


def say(level: int, text: str) -> None:
    first, *rest = text.splitlines()
    native.log(level, f"WSGI1025: {first}")
    for line in rest:
        native.log(level, line)
