"""The demo's server: what it answers, whom it refuses, and that nothing stops it."""

import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tifffile  # of scikit-image
import torch
from kornia_rs.io import read_image_png_u16, write_image_png_u16
from PIL import Image, ImageCms
from torch import Tensor

from demo_server import FACTS, Answer, as_png, demo_server, send, smooth
from igconv_sr.demo.server import LARGEST_UPLOAD, DemoServer, Facts
from igconv_sr.errors import InputError
from igconv_sr.functional.imresize import imresize
from igconv_sr.network import Bicubic, SRNet
from saved_models import IGCONV_PLUS, save_model

PNG = as_png(smooth(20, 30))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> SRNet:
    return save_model(tmp_path_factory.mktemp("net") / "net.safetensors", upsampler=IGCONV_PLUS)


@pytest.fixture(scope="module")
def server(net: SRNet) -> Iterator[DemoServer]:
    with demo_server(net) as running:
        yield running


def goes_on(server: DemoServer) -> bool:
    return send(server, "POST", "/model?scale=2", PNG).pixels.shape == (40, 60, 3)


@pytest.mark.parametrize("scale", ["2", "2.5", "22/7", "2.71828"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_model_is_the_networks_upscale(server: DemoServer, net: SRNet, mode: str, scale: str) -> None:
    image = smooth(21, 30, mode=mode)
    answer = send(server, "POST", f"/model?scale={scale}", as_png(image))
    np.testing.assert_array_equal(answer.pixels, np.array(net.upscale(image, scale)))
    height, width = answer.pixels.shape[:2]
    assert answer.facts["before"] == [30, 21]
    assert answer.facts["after"] == [width, height]
    assert answer.facts["remarks"] == (["computed at ×49/18 and resized"] if scale == "2.71828" else [])


@pytest.mark.parametrize("scale", [2, 2.5])
def test_bicubic_is_matlabs(server: DemoServer, scale: float) -> None:
    image = smooth(20, 30)
    values = torch.from_numpy(np.array(image)).movedim(-1, 0)[None].double()
    expected = imresize(values, scale).add(0.5).floor().clamp(0, 255)[0].movedim(0, -1).numpy()
    found = send(server, "POST", f"/bicubic?scale={scale}", as_png(image)).pixels
    assert found.shape == expected.shape
    assert (found != expected).mean() < 1e-3, "but for halves, which float32 may round otherwise"
    assert np.abs(found - expected).max() <= 1


def test_depth_profile_and_orientation_are_kept(server: DemoServer, net: SRNet, tmp_path: Path) -> None:
    deep = np.array(smooth(20, 30)).astype(np.uint16) * 257
    write_image_png_u16(str(tmp_path / "deep.png"), deep, "rgb")
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    found = []
    for name in ("deep.png", "deep.tif"):
        answer = send(server, "POST", "/model?scale=2", (tmp_path / name).read_bytes())
        (tmp_path / "larger.png").write_bytes(answer.content)
        found.append(read_image_png_u16(str(tmp_path / "larger.png"), "rgb"))
    np.testing.assert_array_equal(found[0], net.upscale(deep, 2))
    np.testing.assert_array_equal(found[1], found[0])
    profile, exif = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.png").write_bytes(as_png(smooth(20, 30), icc_profile=profile, exif=exif))
    answer = send(server, "POST", "/bicubic?scale=3", (tmp_path / "turned.png").read_bytes())
    (tmp_path / "larger.png").write_bytes(answer.content)
    with Image.open(tmp_path / "larger.png") as larger:
        assert (larger.size, larger.info["icc_profile"]) == ((60, 90), profile)


HOSTILE = {
    "text": (b"This is no picture.\n" * 100, "is not an image"),
    "empty": (b"", "is empty"),
    "cut short": (PNG[: len(PNG) // 2], "cannot be decoded"),
    "bomb": (as_png(Image.new("1", (20000, 10000))), "too large"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "is not an image"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_told_in_one_line(server: DemoServer, name: str) -> None:
    content, reason = HOSTILE[name]
    answer = send(server, "POST", "/model?scale=2", content)
    assert answer.status == 415
    assert answer.line.startswith("this file ")
    assert reason in answer.line
    assert goes_on(server)


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("scale=0.5", 400, "scale '0.5' is not a number from 1 to 64"),
        ("scale=1/0", 400, "scale '1/0' is not"),
        ("scale=%3Cb%3E%0A", 400, "scale '<b>\\n' is not"),
        ("", 400, "scale '' is not"),
        ("scale=64", 422, "300×200 pixels would become 19200×12800, and this page makes 50 million pixels at most"),
    ],
)
def test_scales_that_cannot_be(server: DemoServer, query: str, status: int, reason: str) -> None:
    answer = send(server, "POST", f"/model?{query}", as_png(Image.new("L", (300, 200))))
    assert answer.status == status
    assert reason in answer.line
    assert goes_on(server)


def test_100_megabytes_are_refused_and_the_sender_learns_why(server: DemoServer) -> None:
    parts = (bytes(10**6) for _ in range(100))
    answer = send(server, "POST", "/model?scale=2", parts, Content_Length=str(10**8))
    assert answer.status == 413
    assert answer.line == "this file is larger than the 64 MiB that this page takes; use igconv-sr upscale"
    assert goes_on(server)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (f"Content-Length: {LARGEST_UPLOAD + 1}", 413),
        ("Transfer-Encoding: chunked", 411),
        ("Accept: */*", 411),
        ("Content-Length: 10\r\nTransfer-Encoding: chunked", 411),
        ("Content-Length: -1", 400),
        ("Content-Length: 1e3", 400),
        (f"Content-Length: {'9' * 5000}", 400),
    ],
)
def test_sizes_are_judged_before_anything_is_sent(server: DemoServer, headers: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as client:
        client.sendall(f"POST /model?scale=2 HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n".encode())
        assert client.recv(100).startswith(f"HTTP/1.0 {status} ".encode())
    assert goes_on(server)


def test_other_pages_are_refused(server: DemoServer) -> None:
    own = f"127.0.0.1:{server.server_port}"

    def post(**headers: str) -> Answer:
        return send(server, "POST", "/bicubic?scale=2", PNG, **headers)

    assert post(Origin=f"http://{own}").status == 200
    assert post(Host="localhost:9000", Origin="http://localhost:9000").status == 200, "behind a tunnel"
    for origin in ("http://evil.example", "null", f"https://{own}", "http://127.0.0.1:1", f"http://{own}.evil.example"):
        answer = post(Origin=origin)
        assert (answer.status, answer.line.partition(" may not")[0]) == (403, f"pages of {origin!r}")
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1.evil.example", ""):
        for method, path in (("POST", "/bicubic?scale=2"), ("GET", "/"), ("GET", "/sample")):
            assert send(server, method, path, Host=host).status == 403


def test_it_listens_on_127_0_0_1_alone(server: DemoServer) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.server_port), timeout=10)


def test_a_taken_port_is_told(server: DemoServer) -> None:
    with pytest.raises(InputError, match=f"port {server.server_port}: Address already in use; give another --port"):
        DemoServer(server.server_port, server.facts, server.studio)


@pytest.mark.parametrize("path", ["/index.html", "/../../etc/passwd", "/model?scale=2", "/page.js"])
def test_nothing_else_is_served(server: DemoServer, path: str) -> None:
    assert send(server, "GET", path).status == 404
    assert send(server, "POST", "/upscale?scale=2", PNG).status == 404
    assert send(server, "PUT", "/model?scale=2", PNG).status == 501


def test_many_at_once_get_their_own_results(server: DemoServer, net: SRNet) -> None:
    asked = [(smooth(16 + seed, 24, seed), scale) for seed in range(4) for scale in ("2", "3", "5/2")]

    def ask(image: Image.Image, scale: str) -> Answer:
        return send(server, "POST", f"/model?scale={scale}", as_png(image))

    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(ask, *zip(*asked, strict=True)))
    for (image, scale), answer in zip(asked, answers, strict=True):
        np.testing.assert_array_equal(answer.pixels, np.array(net.upscale(image, scale)))


def test_for_whoever_has_gone_nothing_is_computed(server: DemoServer) -> None:
    busy = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.studio.do, busy.wait)  # type: ignore[arg-type]
        head = f"POST /model?scale=7 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(PNG)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.server_port)) as client:
            client.sendall(head.encode() + PNG)
        busy.set()
    assert goes_on(server), "which waited behind the one that has gone"
    assert Fraction(7) not in server.studio._upscalers["model"]._prepared


def test_no_file_is_left(server: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert goes_on(server)
    assert send(server, "POST", "/model?scale=2", b"text").status == 415
    assert list(tmp_path.iterdir()) == []


class Broken(Bicubic):
    """Fails as no model should."""

    def forward(self, *_: object) -> Tensor:
        raise RuntimeError("it broke\nbadly")


def test_a_failure_is_told_on_the_page_and_traced_in_the_terminal() -> None:
    answers = []

    def ask() -> None:
        with demo_server(Broken()) as server:
            answers.extend(send(server, "POST", f"/{method}?scale=2", PNG) for method in ("model", "bicubic"))

    with pytest.raises(AssertionError, match=r"in forward\n.*it broke"):
        ask()
    assert [answer.status for answer in answers] == [500, 200]
    assert answers[0].line == "the server failed: it broke badly; its terminal says where"


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_needs_and_allows_nothing_else(server: DemoServer) -> None:
    answers = [send(server, "GET", "/") for _ in range(2)]
    nonces = []
    for answer in answers:
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        own = [attributes["nonce"] for tag, attributes in Tags(answer.content).tags if tag in ("script", "style")]
        assert [f"'nonce-{nonce}'" for nonce in own] == [policy["script-src"], policy["style-src"]]
        nonces.append(own[0])
    assert nonces[0] != nonces[1], "a nonce is for one answer"
    page = answers[0].content
    links = [
        value for _, attributes in Tags(page).tags for name, value in attributes.items() if name in ("src", "href")
    ]
    assert links == ["data:,"]
    assert not re.search(rb"https?://|@import|url\(", page)


def test_what_the_model_is_called_is_text(net: SRNet) -> None:
    name = "<script>alert('1')</script>\"&"
    with demo_server(net, Facts(name, name, FACTS.scales, FACTS.parameters, FACTS.device)) as server:
        page = send(server, "GET", "/").content
    assert [tag for tag, _ in Tags(page).tags if tag == "script"] == ["script"]
    assert b"&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&#34;&amp;" in page
    assert b"1,234,567 parameters" in page
