"""An HTML form with an upload. Counts and hashes a file of any size while it arrives, without storing it."""

from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from urllib.parse import quote

import wit_world
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from wit_world.imports import request, response


class WitWorld(wit_world.WitWorld):
    def handle(self) -> None:
        match request.method(), request.path():
            case ("GET" | "HEAD"), "/":
                page(200, FORM)
            case "POST", "/":
                upload()
            case _:
                page(404, "<p>There is nothing here.</p>")


@dataclass
class File:
    name: str
    size: int = 0
    lines: int = 0
    hash: "sha256" = field(default_factory=sha256)


def upload() -> None:
    kind, options = parse_options_header((request.field("content-type") or b"").decode("latin-1"))
    if kind != "multipart/form-data" or "boundary" not in options:
        return page(415, "<p>A form is multipart/form-data.</p>" + FORM)
    try:
        note, file = parts(options["boundary"])
    except MultipartError as reason:
        return page(400, f"<p>This is no form: {escape(str(reason))}</p>" + FORM)
    problems = []
    if file is None or file.size == 0:
        problems.append("Choose a file that is not empty.")
    if len(note) > MOST_NOTE:
        problems.append(f"A note has {MOST_NOTE} letters at most.")
    if problems:
        return page(422, "".join(f"<p>{escape(problem)}</p>" for problem in problems) + FORM)
    page(
        200,
        f"<h1>{escape(file.name)}</h1><p>{escape(note)}</p>"
        f"<p>{file.size} bytes, {file.lines} lines, SHA-256 {file.hash.hexdigest()}</p>"
        f'<p><a href="/?last={quote(file.name)}">Another</a></p>',
    )


def parts(boundary: str) -> tuple[str, File | None]:
    """Reads the content piece by piece. Only one piece and the note are in memory."""
    note, file, here = bytearray(), None, None
    with PushMultipartParser(boundary) as parser:
        while not parser.closed:
            for part in parser.parse(request.read(0)):
                if isinstance(part, MultipartSegment):
                    here = part.name
                    if here == "file":
                        file = File(part.filename or "a file")
                elif part and here == "file":
                    file.size += len(part)
                    file.lines += part.count(b"\n")
                    file.hash.update(part)
                elif part and here == "note" and len(note) <= 4 * MOST_NOTE:
                    note += part
    return note.decode(errors="replace"), file


def page(status: int, content: str) -> None:
    html = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Upload</title>{content}</html>\n'
    response.send(status, [("content-type", b"text/html; charset=utf-8")], html.encode())


FORM = """
<form method="post" enctype="multipart/form-data">
  <p><label>File <input type="file" name="file" required></label></p>
  <p><label>Note <input name="note" maxlength="200"></label></p>
  <p><button>Send</button></p>
</form>
"""

MOST_NOTE = 200
