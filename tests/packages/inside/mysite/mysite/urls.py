import platform

from django.http import HttpResponse
from django.urls import path


def index(request):
    """Where this runs, and enough lines that a cut answer shows."""
    import mod_wsgi

    place = getattr(mod_wsgi, "process_group", "outside Apache") or "embedded"
    return HttpResponse(
        f"{place} {platform.python_version()}\n" + "a line\n" * 500 + "the end\n", content_type="text/plain"
    )


urlpatterns = [path("", index)]
