"""The demo's real server in this process, with a small model, and what clients send to it."""

import http.client
import io
import json
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from igconv_sr.demo.server import DemoServer, Facts
from igconv_sr.demo.studio import Studio
from igconv_sr.super_resolver import SuperResolver

FACTS = Facts("small", "edsr + igconv", [2, 3, 4], 1234567, "cpu")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def line(self) -> str:
        """A refusal: one line of text."""
        text = self.content.decode()
        assert self.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert text.count("\n") == 1
        assert text.endswith("\n")
        return text.rstrip("\n")

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """An enlargement."""
        assert self.status == 200, self.content
        assert self.headers["Content-Type"] == "image/png"
        return np.array(Image.open(io.BytesIO(self.content)))

    @property
    def facts(self) -> dict[str, Any]:
        """What the server says about an enlargement."""
        found: dict[str, Any] = json.loads(self.headers["Enlargement"])
        return found


class _Watched(DemoServer):
    """Keeps what would be printed as a traceback."""

    tracebacks: list[str]

    def handle_error(self, *_where: object) -> None:
        self.tracebacks.append(traceback.format_exc())


@contextmanager
def demo_server(net: SuperResolver, facts: Facts = FACTS) -> Iterator[DemoServer]:
    """Serves on a free port; whatever it is sent, it must not stumble."""
    studio = Studio(net, torch.device("cpu"))
    with _Watched(0, facts, studio) as server:
        server.tracebacks = []
        threading.Thread(target=studio.work, daemon=True).start()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
        assert not server.tracebacks, "\n".join(server.tracebacks)


def send(server: DemoServer, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Sends a request; underscores in names of headers stand for hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


def smooth(height: int, width: int, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """A picture without sharp edges, but for its alpha."""
    shape = (height // 8 + 1, width // 8 + 1, len(mode))
    coarse = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    image = Image.fromarray(coarse[..., 0] if mode == "L" else coarse, mode)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def as_png(image: Image.Image, **options: Any) -> bytes:
    """A file of it."""
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()
