"""The demo's page in a headless Chromium: what a user does, and what the screen then shows."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from browsing import Browser, browser, needs_browser
from demo_server import demo_server, smooth
from igconv_sr.demo.server import DemoServer
from igconv_sr.network import Bicubic, SRNet
from saved_models import IGCONV_PLUS, save_model

pytestmark = needs_browser

NO_PICTURE = "notes.txt: this file is not an image, or of an unknown format; remove or replace it"
TOO_LARGE = "this file is larger than the 64 MiB that this page takes; use igconv-sr upscale"
END, LEFT = "\ue010", "\ue012"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> SRNet:
    return save_model(tmp_path_factory.mktemp("net") / "net.safetensors", upsampler=IGCONV_PLUS)


@pytest.fixture(scope="module")
def server(net: SRNet) -> Iterator[DemoServer]:
    with demo_server(net) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def page(chromium: Browser, server: DemoServer) -> Iterator[Browser]:
    """The page, freshly opened; whatever a test does, it must not complain."""
    chromium.open(server.address)
    yield chromium
    assert chromium.complaints() == []


@pytest.fixture
def files(tmp_path: Path) -> Path:
    smooth(200, 300).save(tmp_path / "picture one.png")
    (tmp_path / "notes.txt").write_text("This is no picture.\n" * 100)
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(10**8)
    return tmp_path


def shown(page: Browser) -> npt.NDArray[np.uint8]:
    """What the screen shows of the picture."""
    left, top, width, height = page.run(
        "const box = document.querySelector('#stage').getBoundingClientRect();"
        "return [box.left, box.top, box.width, box.height]"
    )
    screen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return np.array(screen.crop((round(left), round(top), round(left + width), round(top + height))))


def differences(seen: npt.NDArray[np.uint8], expected: Image.Image, columns: slice) -> float:
    """The share of pixels that differ, below the labels and away from the handle."""
    rows = slice(60, seen.shape[0] // 2 - 30)
    return float((seen[rows, columns] != np.array(expected)[rows, columns]).any(-1).mean())


def test_the_slider_divides_bicubic_from_the_model(page: Browser, files: Path, net: SRNet) -> None:
    page.type("#file", str(files / "picture one.png"))
    page.wait("#result")
    assert page.text("#facts").startswith("300 × 200 to 600 × 400 pixels, in ")
    with Image.open(files / "picture one.png") as image:
        bicubic, model = Bicubic().upscale(image, 2), net.upscale(image, 2)
    for share, act in (
        (0.5, lambda: None),
        (0.25, lambda: page.drag("#pair", (0.5, 0.6), (0.25, 0.6))),
        (0.24, lambda: page.type("#split", LEFT)),
        (1, lambda: page.type("#split", END)),
    ):
        act()
        seen, line = shown(page), round(600 * share)
        assert seen.shape == (400, 600, 3)
        left, right = slice(0, max(0, line - 20)), slice(line + 20, 600)
        assert differences(seen, bicubic, left) == 0
        assert line == 600 or differences(seen, model, right) == 0
        assert differences(seen, model, left) > 0.5, "or the test could not tell them apart"
    assert page.run("return document.querySelector('#split').getAttribute('aria-valuetext')") == "100 % bicubic"


def test_the_download_is_the_models_picture(page: Browser, files: Path) -> None:
    page.clear("#scale")
    page.type("#scale", "5/2")
    page.type("#file", str(files / "picture one.png"))
    page.wait("#result")
    assert page.text("#download").startswith("Download picture one_x5-2.png (")
    found = page.run(
        "const link = document.querySelector('#download'), after = document.querySelector('#after');"
        "return [link.download, link.href === after.src, after.naturalWidth, after.naturalHeight]"
    )
    assert found == ["picture one_x5-2.png", True, 750, 500]


def test_a_click_on_the_sample_and_on_a_scale(page: Browser, server: DemoServer) -> None:
    busy = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.studio.do, busy.wait)  # type: ignore[arg-type]
        page.click("#sample")
        page.wait("#status")
        assert page.text("#status").startswith("Enlarging sample.png ×2 … ")
        assert not page.shown("#result")
        busy.set()
    page.wait("#result")
    assert not page.shown("#status")
    assert page.text("#facts").startswith("451 × 300 to 902 × 600 pixels, in ")
    page.click('[data-scale="3"]')
    page.wait("#result")
    assert page.text("#facts").startswith("451 × 300 to 1353 × 900 pixels, in ")


def test_what_is_no_picture_is_told_and_the_next_one_is_shown(page: Browser, files: Path) -> None:
    page.type("#file", str(files / "notes.txt"))
    page.wait("#error")
    assert page.text("#error") == NO_PICTURE
    assert not page.shown("#result")
    page.clear("#scale")
    page.type("#scale", "0")
    page.type("#file", str(files / "picture one.png"))
    page.wait("#error")
    assert "scale '0' is not a number from 1 to 64" in page.text("#error")
    page.click('[data-scale="2"]')
    page.wait("#result")
    assert not page.shown("#error")


def test_100_megabytes_are_refused_by_the_page_and_by_the_server(page: Browser, files: Path) -> None:
    page.type("#file", str(files / "large.png"))
    page.wait("#error")
    assert page.text("#error") == f"large.png: {TOO_LARGE}"
    # A page that does not look first still learns why.
    answer = page.run(
        "const answer = await fetch('model?scale=2', {method: 'POST', body: new Blob([new Uint8Array(1e8)])});"
        "return [answer.status, await answer.text()]"
    )
    assert answer == [413, f"{TOO_LARGE}\n"]
    page.type("#file", str(files / "picture one.png"))
    page.wait("#result")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desktop(page: Browser, server: DemoServer, files: Path, width: int) -> None:
    page.open(server.address, width)
    page.type("#file", str(files / "picture one.png"))
    page.wait("#result")
    for zoom in ("fit", "4", "fit"):
        page.run(f"zoom.value = {zoom!r}; zoom.dispatchEvent(new Event('change'))")
        needed, given = page.run("const root = document.documentElement; return [root.scrollWidth, root.clientWidth]")
        assert needed == given
        line, slider, stage, pair = page.run(
            "const elements = ['line', 'split', 'stage', 'pair'].map((id) => document.getElementById(id));"
            "return elements.map((element) => element.getBoundingClientRect().toJSON())"
        )
        assert stage["left"] <= line["left"] <= stage["right"]
        assert zoom == "4" or stage["width"] == pair["width"]
        assert abs(line["left"] + line["width"] / 2 - (slider["left"] + slider["right"]) / 2) <= 1
