"""URLs of the notes app."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.notes, name="notes"),
    path("upload", views.upload, name="upload"),
    path("stream", views.stream, name="stream"),
]
