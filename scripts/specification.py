"""Hooks of Schemathesis for scripts/specification.sh: valid requests become ones that the server can fulfil.

A schema can say that a body is a file, but not that it is a picture, that a label is one of the model's, or that a
handle is still kept. What Schemathesis means to be valid is therefore given pictures, labels, names and handles that
are; what it means to be invalid is left as it is.
"""

import base64
import itertools
import json
import os
import struct
import urllib.request
import zlib

import schemathesis
from schemathesis.transport.serialization import Binary

URL = os.environ["OCELLI_URL"]


def png(width, height):
    """A grey picture in as few bytes as it takes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def ask(path, body=None):
    headers = {"Content-Type": "image/jpeg"}
    with urllib.request.urlopen(urllib.request.Request(URL + path, body, headers)) as answer:
        return json.load(answer)


with open(os.environ["OCELLI_PICTURE"], "rb") as file:
    PHOTOGRAPH = file.read()
# Schemathesis takes this type for strings of the format `binary`.
PICTURES = itertools.cycle([Binary(PHOTOGRAPH), Binary(png(1, 1)), Binary(png(33, 700))])
MODEL = ask("/api/v1/models")["models"][0]
CLASSES = itertools.cycle(["dog", "dog,person", ",".join(MODEL["labels"])])


def body_with_pictures(case):
    if case.media_type == "application/json":
        return {"image": base64.b64encode(next(PICTURES).data).decode()}
    if case.media_type == "multipart/form-data":
        count = len(case.body["image"])
        # The annotated picture is drawn for a single one: the specification says so in words only.
        count = 1 if (case.query or {}).get("format") == "image" else count
        return {"image": [next(PICTURES) for _ in range(count)]}
    return next(PICTURES)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode.is_negative:
        return
    query = case.query or {}
    if "model" in query:
        query["model"] = MODEL["name"]
    if "classes" in query:
        query["classes"] = next(CLASSES)
    if case.operation.path == "/api/v1/detect":
        case.body = body_with_pictures(case)
    elif case.operation.path == "/api/v1/models/{name}":
        case.path_parameters["name"] = MODEL["name"]
    elif case.operation.path == "/api/v1/candidates/{handle}":
        # Requests that keep candidates drive older ones out.
        case.path_parameters["handle"] = ask("/api/v1/detect?keep=true", PHOTOGRAPH)["handle"]
    # Otherwise Schemathesis judges what was changed anew, and takes no bytes for a valid string.
    case._record_starting_state()


@schemathesis.deserializer("image/jpeg", "image/png")
def picture(context, response):
    """Looks at the first bytes only: the schema asks for no more than a string."""
    start = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}[response.headers["content-type"][0]]
    if not response.content.startswith(start):
        raise ValueError("the answer is no picture of its type")
    return response.content.decode("latin-1")
