"""The demo's own Django app: short notes, an upload and a stream."""

from django.apps import AppConfig


class NotesConfig(AppConfig):
    name = "notes"
