"""The demo site's Flask application. Apache finds it under the name `application`."""

import datetime
import threading

from flask import Flask, jsonify, render_template, request

application = Flask(__name__)


@application.get("/")
def index():
    return render_template("index.html")


@application.get("/hello/<name>")
def hello(name):
    return render_template("hello.html", name=name)


@application.get("/api/time")
def time():
    now = datetime.datetime.now(datetime.UTC)
    return jsonify(time=now.isoformat(), thread=threading.current_thread().name)


@application.post("/api/echo")
def echo():
    return jsonify(received=request.get_json())


@application.get("/error")
def error():
    raise RuntimeError("raised on purpose: this traceback is in Apache's error log")
