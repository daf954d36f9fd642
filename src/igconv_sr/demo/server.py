"""The server: the page, a sample, and enlargements, for browsers on this machine.

``POST /model?scale=2.5`` and ``POST /bicubic?scale=2.5`` take a picture file as their body and give a PNG, with what
there is to say about it as JSON in the header ``Enlargement``. Nothing is kept. Mistakes are one line of text.
"""

import io
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from igconv_sr.data.sources.sample import VALIDATION_PHOTOGRAPHS
from igconv_sr.demo.local import LocalHandler, Refusal, refusing
from igconv_sr.demo.studio import METHODS, Enlarged, Studio
from igconv_sr.errors import InputError
from igconv_sr.pictures.reading import read_stream
from igconv_sr.scale import parse_scale

ADDRESS = "127.0.0.1"

LARGEST_UPLOAD = 64 * 2**20
"""Bytes."""

_SAMPLE = VALIDATION_PHOTOGRAPHS[0]


@dataclass(frozen=True)
class Facts:
    """What the page says about the model.

    Attributes:
        name: What the user called it.
        architecture: Encoder and upsampler.
        scales: Of its training.
        parameters: How many it has.
        device: Where it computes.
    """

    name: str
    architecture: str
    scales: Sequence[float]
    parameters: int
    device: str


class DemoServer(ThreadingHTTPServer):
    """Serves the page; each request has a thread, and the studio's worker enlarges.

    Args:
        port: Of 127.0.0.1; 0 for any free one.
        facts: What the page says about the model.
        studio: Enlarges.

    Raises:
        InputError: If the port is taken.
    """

    def __init__(self, port: int, facts: Facts, studio: Studio) -> None:
        self.facts, self.studio = facts, studio
        pages = Environment(loader=PackageLoader("igconv_sr.demo", "."), autoescape=True, undefined=StrictUndefined)
        self.template = pages.get_template("page.html.j2")
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise InputError(f"port {port}: {error.strerror}; give another --port, or 0 for any free one") from error

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{ADDRESS}:{self.server_port}/"


class _Handler(LocalHandler):
    server: DemoServer

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        """Sends the page, or the sample."""
        self.serve(self._get)

    def do_POST(self) -> None:  # noqa: N802 (http.server's name)
        """Sends an enlargement."""
        self.serve(self._post)

    def _get(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            nonce, server = secrets.token_urlsafe(), self.server
            page = server.template.render(facts=server.facts, largest_upload=LARGEST_UPLOAD, nonce=nonce).encode()
            self.answer("text/html; charset=utf-8", page, Content_Security_Policy=_content_security_policy(nonce))
        elif path == "/sample":
            self.answer("image/png", _SAMPLE.read_bytes())
        else:
            raise Refusal(HTTPStatus.NOT_FOUND, f"nothing is here; the page is {self.server.address}")

    def _post(self) -> None:
        address = urlsplit(self.path)
        method = address.path.removeprefix("/")
        if method not in METHODS:
            raise Refusal(HTTPStatus.NOT_FOUND, f"pictures are sent to /{' or /'.join(METHODS)}")
        with refusing(HTTPStatus.BAD_REQUEST):
            scale = parse_scale(parse_qs(address.query).get("scale", [""])[0])
        content = self.body(LARGEST_UPLOAD)
        enlarged = self.server.studio.do(partial(self._enlarge, content, method, scale))
        self.answer("image/png", enlarged.png, Enlargement=_as_json(enlarged))

    def _enlarge(self, content: bytes, method: str, scale: Fraction) -> Enlarged:
        self.check_connection()
        with refusing(HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
            picture = read_stream(io.BytesIO(content), "this file")
        with refusing(HTTPStatus.UNPROCESSABLE_ENTITY):
            return self.server.studio.enlarge(picture, method, scale, self.check_connection)


def _as_json(enlarged: Enlarged) -> str:
    """What a response says of a picture, as JSON in ASCII, which headers have to be in."""
    sizes = {name: [size[1], size[0]] for name, size in (("before", enlarged.before), ("after", enlarged.after))}
    return json.dumps({**sizes, "seconds": round(enlarged.seconds, 2), "remarks": enlarged.remarks})


def _content_security_policy(nonce: str) -> str:
    """Lets the page use its own style and script and talk to its own server, and nothing else."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
