"""A headless Chromium, driven through chromedriver by the W3C WebDriver protocol; no package is needed."""

import base64
import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="Chromium or its driver is not installed (apt-get install chromium chromium-driver)",
)

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which the protocol names elements."""


class Browser:
    """One session: a window with a profile of its own.

    Args:
        driver: Drives it.
        session: Path of the session.
    """

    def __init__(self, driver: "_Driver", session: str) -> None:
        self._driver, self._session = driver, session

    def open(self, address: str, width: int = 1280, height: int = 900) -> None:
        """Opens a page in a view of that size, a phone's too."""
        view = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._do("goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": view})
        self._do("url", {"url": address})

    def click(self, selector: str) -> None:
        """Clicks in the middle of an element, as a user does: it must be visible."""
        self._do(f"element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Types into an element; a file input takes a path."""
        self._do(f"element/{self._find(selector)}/value", {"text": text})

    def clear(self, selector: str) -> None:
        """Empties a text field."""
        self._do(f"element/{self._find(selector)}/clear", {})

    def drag(self, selector: str, start: tuple[float, float], stop: tuple[float, float]) -> None:
        """Drags the mouse between two places of an element, in shares of its size."""
        box = self.run(f"return document.querySelector({selector!r}).getBoundingClientRect().toJSON()")
        moves = [
            {
                "type": "pointerMove",
                "duration": 0,
                "x": int(box["x"] + x * box["width"]),
                "y": int(box["y"] + y * box["height"]),
            }
            for x, y in (start, stop)
        ]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, moves[1], {"type": "pointerUp", "button": 0}]
        self._do("actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def text(self, selector: str) -> str:
        """What an element shows."""
        return str(self._ask(f"element/{self._find(selector)}/text"))

    def shown(self, selector: str) -> bool:
        """Whether an element is visible."""
        return bool(self._ask(f"element/{self._find(selector)}/displayed"))

    def wait(self, selector: str, seconds: float = 60) -> None:
        """Waits until an element is visible."""
        end = time.monotonic() + seconds
        while not self.shown(selector):
            assert time.monotonic() < end, f"{selector} does not show; the page: {self.text('body')}"
            time.sleep(0.05)

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs the body of an asynchronous function in the page and gives what it returns."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async () => {{ {script} }})().then(done, (error) => done(String(error)));"
        )
        return self._do("execute/async", {"script": wrapped, "args": list(arguments)})

    def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self._ask("screenshot"))

    def complaints(self) -> list[str]:
        """What the console holds since it was last asked, but for the statuses of answers."""
        return [entry["message"] for entry in self._do("se/log", {"type": "browser"}) if entry["source"] != "network"]

    def _find(self, selector: str) -> str:
        return str(self._do("element", {"using": "css selector", "value": selector})[_ELEMENT])

    def _do(self, command: str, body: dict[str, Any]) -> Any:
        return self._driver.do("POST", f"{self._session}/{command}", body)

    def _ask(self, command: str) -> Any:
        return self._driver.do("GET", f"{self._session}/{command}")


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Starts Chromium with an empty profile, and ends it."""
    process = subprocess.Popen([str(DRIVER), "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = (re.search(r"successfully on port (\d+)", line) for line in process.stdout)
        driver = _Driver(int(next(found[1] for found in ready if found)))
        options = {"binary": CHROMIUM, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = driver.do("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        try:
            yield Browser(driver, f"/session/{session}")
        finally:
            driver.do("DELETE", f"/session/{session}")
    finally:
        process.terminate()
        process.communicate(timeout=30)


class _Driver:
    """Speaks the protocol: JSON there and back.

    Args:
        port: Of 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    def do(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            value = json.load(answer)["value"]
        finally:
            connection.close()
        assert answer.status == 200, value["message"]
        return value
