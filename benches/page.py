"""A page as sites have them: Django, a session, one query of SQLite, a template with 20 rows. About 1 ms of CPU time."""

import datetime
import tempfile
import time

import django
from django.conf import settings
from django.http import HttpResponse
from django.template import Context, Engine
from django.urls import path

SESSION = "0123456789abcdefghijklmnopqrstuv"
PLACE = tempfile.TemporaryDirectory(prefix="mod_wsgi-bench-", dir="/dev/shm")

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not one",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{PLACE.name}/db", "CONN_MAX_AGE": None}},
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)
django.setup()

from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

TEMPLATE = Engine().from_string("""<!doctype html>
<title>{{ name }}</title>
<table>{% for id, title, price in rows %}
<tr><td><a href="/item/{{ id }}">{{ title }}</a></td><td>{{ price }}</td></tr>{% endfor %}
</table>
""")


def prepare():
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, title TEXT, price TEXT)")
        rows = [(f"the item of number {number:03}", f"{number * 0.75:.2f}") for number in range(100, 300)]
        cursor.executemany("INSERT INTO item (title, price) VALUES (%s, %s)", rows)
    Session.objects.save(SESSION, {"name": "A visitor"}, timezone.now() + datetime.timedelta(days=1))
    connection.close()


def page(request, wait=0):
    name = request.session.get("name", "nobody")
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, title, price FROM item WHERE id > %s ORDER BY id LIMIT 20", [100])
        rows = cursor.fetchall()
    if wait:
        time.sleep(wait / 1000)
    return HttpResponse(TEMPLATE.render(Context({"name": name, "rows": rows})))


urlpatterns = [path("page", page), path("page/<int:wait>", page)]
prepare()
application = get_wsgi_application()
