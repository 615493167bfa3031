"""A Flask application: a page from a template, and a form."""

from flask import Flask, render_template, request

app = Flask(__name__)


@app.get("/")
def index():
    return render_template("index.html", name="world")


@app.post("/")
def greet():
    app.logger.warning("greeting %r", request.form["name"])  # into the error log of the virtual host
    return render_template("index.html", name=request.form["name"])
