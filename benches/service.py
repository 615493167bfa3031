"""JSON as services answer it: Flask, twenty rows made for each request."""

from flask import Flask, jsonify

application = Flask(__name__)


@application.get("/json")
def rows():
    return jsonify([{"id": n, "title": f"the item of number {n:03}", "price": n * 0.75} for n in range(100, 120)])
