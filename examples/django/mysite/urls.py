from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path


def index(request):
    return render(request, "index.html", {"host": request.get_host()})


def health(request):
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [path("", index), path("health", health)]
