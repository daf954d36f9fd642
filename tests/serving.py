"""A real HTTP server on 127.0.0.1 that misbehaves as told."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Seen(NamedTuple):
    """A request as it arrived."""

    name: str
    offset: int | None
    headers: dict[str, str]


class Host:
    """What is served, and how; tests change the attributes while it runs.

    Attributes:
        files: Bytes by name.
        redirects: Address by name.
        statuses: Answers of the next requests, one each; then files are served.
        drop_after: Bytes of a body after which the connection is closed, None: never.
        drops: How many bodies are cut so; None: all.
        ranges: Whether Range is obeyed.
        if_range: Whether If-Range is obeyed.
        validator: "etag", "date" or None.
        extra_length: Added to the true Content-Length; None: no Content-Length.
        pause: Seconds after each kilobyte.
        seen: All requests for files.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.statuses: list[int] = []
        self.drop_after: int | None = None
        self.drops: int | None = None
        self.ranges = self.if_range = True
        self.validator: str | None = "etag"
        self.extra_length: int | None = 0
        self.pause = 0.0
        self.seen: list[Seen] = []
        self.address = ""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"

    def validators(self, name: str) -> dict[str, str]:
        digest = hashlib.sha256(self.files[name]).hexdigest()
        if self.validator == "etag":
            return {"ETag": f'"{digest}"'}
        if self.validator == "date":
            return {"Last-Modified": f"Tue, 01 Jan 2019 00:{int(digest[:2], 16) % 60:02}:00 GMT"}
        return {}

    def cut(self) -> int | None:
        """After how many bytes to cut the body that is about to be sent."""
        if self.drop_after is None or self.drops == 0:
            return None
        if self.drops is not None:
            self.drops -= 1
        return self.drop_after


@contextmanager
def serving() -> Iterator[Host]:
    """Starts a host, and stops it in the end."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, host)

        def do_HEAD(self) -> None:
            answer(self, host)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, host: Host) -> None:
    name = request.path.removeprefix("/")
    asked = request.headers.get("Range")
    first, _, last = ("", "", "") if asked is None else asked.removeprefix("bytes=").partition("-")
    offset = int(first) if first else None
    host.seen.append(Seen(name, offset, dict(request.headers)))
    if name in host.redirects:
        request.send_response(302)
        request.send_header("Location", host.redirects[name])
        request.end_headers()
    elif host.statuses or name not in host.files:
        request.send_error(host.statuses.pop(0) if host.statuses else 404)
    else:
        send(request, host, name, offset, int(last) + 1 if last else None)


def send(request: BaseHTTPRequestHandler, host: Host, name: str, offset: int | None, stop: int | None) -> None:
    body, validators = host.files[name], host.validators(name)
    condition = request.headers.get("If-Range")
    if not host.ranges or (host.if_range and condition not in (None, *validators.values())):
        offset = stop = None
    if offset is not None and offset >= len(body):
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{len(body)}")
        request.end_headers()
        return
    request.send_response(200 if offset is None else 206)
    if offset is not None:
        request.send_header("Content-Range", f"bytes {offset}-{min(stop or len(body), len(body)) - 1}/{len(body)}")
    rest = body[offset or 0 : stop]
    if host.extra_length is not None:
        request.send_header("Content-Length", str(len(rest) + host.extra_length))
    for header, value in validators.items():
        request.send_header(header, value)
    request.end_headers()
    if request.command == "HEAD":
        return
    rest = rest[: host.cut()]
    try:
        for start in range(0, len(rest), 1024):
            request.wfile.write(rest[start : start + 1024])
            if host.pause:
                time.sleep(host.pause)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the client was killed, or had enough
