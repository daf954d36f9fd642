"""Requests that only this server's own page may make, and answers that browsers show.

The server listens on 127.0.0.1, but any page that is open in a browser on this machine can send requests there. Two
headers, which pages cannot forge, tell: Host names the server as the page knows it (a foreign name that was made to
point at 127.0.0.1 is refused), Origin names the page that sends.
"""

import re
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from igconv_sr.errors import InputError

_OWN_NAMES = ("127.0.0.1", "localhost")

_LARGEST_DRAINED = 512 * 2**20
"""Bytes of a refused upload that are read all the same: browsers show no answer before they have sent everything."""

_SILENCE = 2
"""Seconds without a byte of a refused upload after which no more is waited for."""

_ALWAYS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TEXT = "text/plain; charset=utf-8"


class Refusal(Exception):  # noqa: N818 (it is an answer)
    """What is answered instead.

    Args:
        status: Of the answer.
        line: What is wrong, and what to do.
    """

    def __init__(self, status: HTTPStatus, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


@contextmanager
def refusing(status: HTTPStatus) -> Iterator[None]:
    """Turns a user's error into a refusal."""
    try:
        yield
    except InputError as error:
        raise Refusal(status, str(error)) from error


class LocalHandler(BaseHTTPRequestHandler):
    """One request, from this machine."""

    timeout = 60
    error_content_type = _TEXT
    error_message_format = "%(explain)s\n"

    def serve(self, request: Callable[[], None]) -> None:
        """Does what is asked for, unless a foreign page asks; errors are answered in one line."""
        try:
            self._check_sender()
            request()
        except Refusal as refusal:
            self._refuse(refusal.status, refusal.line)
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # whoever asked has gone
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"the server failed: {reason}; its terminal says where")
            raise

    def _check_sender(self) -> None:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host.partition(":")[0].lower() not in _OWN_NAMES:
            raise Refusal(HTTPStatus.FORBIDDEN, f"this server is called {' or '.join(_OWN_NAMES)}, not {host!a}")
        if origin not in (None, f"http://{host}"):
            raise Refusal(HTTPStatus.FORBIDDEN, f"pages of {origin!a} may not use this server; open http://{host}/")

    def body(self, largest: int) -> bytes:
        """What was sent.

        Args:
            largest: Bytes.

        Raises:
            Refusal: If its length is not stated, or too large; nothing is read then.
        """
        stated = self.headers.get("Content-Length")
        if stated is None or "Transfer-Encoding" in self.headers:
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "the request must state its Content-Length, and not be chunked")
        if not re.fullmatch(r"[0-9]{1,18}", stated):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"Content-Length {stated!a} is not a number of bytes")
        if int(stated) > largest:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"this file is larger than the {largest // 2**20} MiB that this page takes; use igconv-sr upscale",
            )
        content = self.rfile.read(int(stated))
        if len(content) < int(stated):
            raise ConnectionAbortedError
        return content

    def answer(self, content_type: str, content: bytes, **headers: str) -> None:
        """Sends what was asked for; underscores in names of headers stand for hyphens."""
        self._send(HTTPStatus.OK, content_type, content, headers)

    def check_connection(self, _share: float = 0) -> None:
        """Whether somebody still waits for the answer.

        Raises:
            ConnectionAbortedError: If not.
        """
        if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError

    def _refuse(self, status: HTTPStatus, line: str) -> None:
        with suppress(OSError):  # of the connection: whoever asked has gone, or sends no more
            self._send(status, _TEXT, f"{line}\n".encode(), {})
            # Closing while something is unread would reset the connection, and the answer would be lost.
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_SILENCE)
            drained = 0
            while drained < _LARGEST_DRAINED and (part := self.connection.recv(2**20)):
                drained += len(part)

    def _send(self, status: HTTPStatus, content_type: str, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        stated = {"Content-Type": content_type, "Content-Length": str(len(content)), **_ALWAYS, **headers}
        for name, value in stated.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Prints nothing: the page says how it went."""
