"""Three pages: notes in the database, an upload, and a response that arrives line by line."""

import hashlib
import time

from django import forms
from django.http import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from .models import Note

NoteForm = forms.modelform_factory(Note, fields=["text"])


class UploadForm(forms.Form):
    file = forms.FileField()


def notes(request):
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("notes")
    return render(request, "notes/notes.html", {"form": form, "notes": Note.objects.all()[:20]})


def upload(request):
    form = UploadForm(request.POST or None, request.FILES or None)
    result = None
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        digest = hashlib.sha256()
        for chunk in file.chunks():
            digest.update(chunk)
        result = {"name": file.name, "size": file.size, "sha256": digest.hexdigest()}
    return render(request, "notes/upload.html", {"form": form, "result": result})


@require_GET
def stream(request):
    def lines():
        for number in range(1, 11):
            yield f"line {number} of 10, sent at {time.strftime('%H:%M:%S')}\n"
            time.sleep(0.3)

    return StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8")
