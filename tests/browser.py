"""A headless Chromium, driven by the DevTools protocol over a pipe: what a person sees and types."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge"))), None
)
PATIENCE = 20  # seconds until a condition has to hold, on a busy machine
KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "Home": 36, "End": 35, "Backspace": 8}
ALT, SHIFT = 1, 8


class Browser:
    """One page of a headless browser."""

    def __init__(self, to: int, by: int) -> None:
        self._to, self._by = to, by
        self._count, self._rest, self._session = 0, b"", ""
        self.complaints: list[str] = []  # what the console shows: errors, warnings, violations of the CSP
        self.requested: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility", "DOM"):
            self._send(f"{domain}.enable")
        self._send("Emulation.setLocaleOverride", locale="en-GB")
        self._send("Emulation.setTimezoneOverride", timezoneId="Europe/London")
        self.size(1100, 800)

    def close(self) -> None:
        self._session = ""
        self._send("Browser.close")

    def _send(self, method: str, /, **parameters: Any) -> Any:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _receive(self) -> Any:
        while b"\0" not in self._rest:
            if not select.select([self._by], [], [], PATIENCE)[0]:
                raise AssertionError("the browser does not answer")
            data = os.read(self._by, 1 << 20)
            if not data:
                raise AssertionError("the browser has ended")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: str | None, what: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Log.entryAdded" and what["entry"]["level"] in ("warning", "error"):
            self.complaints.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")
        elif event == "Runtime.consoleAPICalled" and what["type"] in ("warning", "error", "assert"):
            self.complaints.append(str(what["args"]))
        elif event == "Network.requestWillBeSent":
            self.requested.append(what["request"]["url"])

    # The window

    def open(self, url: str) -> None:
        self._send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def forget(self) -> None:
        """Delete all cookies."""
        self._send("Network.clearBrowserCookies")

    def size(self, width: int, height: int, *, scale: float = 1, phone: bool = False) -> None:
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self._send("Emulation.setTouchEmulationEnabled", enabled=phone)

    def prefer(self, **features: str) -> None:
        """Set what the user prefers, such as color_scheme="dark"."""
        named = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self._send("Emulation.setEmulatedMedia", features=named)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("Page.captureScreenshot", format="png")["data"]))

    # What is there

    def js(self, expression: str) -> Any:
        """Evaluate an expression in the page, as nothing of the page's own does."""
        result = self._send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']['exception']['description']}")
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + seconds
        while not (value := self.js(expression)):
            if time.monotonic() > end:
                raise AssertionError(f"never true: {expression}; on the page: {self.text('body')!r}")
            time.sleep(0.03)
        return value

    def text(self, selector: str) -> str:
        """Return the text that a user sees in the first element of a selector."""
        return str(self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all visible elements of a selector."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return list(self.js(f"{found}.filter((one) => one.checkVisibility()).map((one) => one.innerText)"))

    def shows(self, selector: str, text: str = "") -> None:
        """Wait until a visible element holds a text."""
        one = f"one.checkVisibility() && one.innerText.includes({json.dumps(text)})"
        self.wait(f"[...document.querySelectorAll({json.dumps(selector)})].some((one) => {one})")

    def box(self, selector: str) -> dict[str, float]:
        """Return x, y, width and height of an element's box in the window."""
        return dict(self.js(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"))

    def focused(self) -> str:
        """Return the id, or else the text, of the element with the focus."""
        return str(self.js("document.activeElement.id || document.activeElement.innerText"))

    def tree(self) -> list[tuple[str, str]]:
        """Return (role, name) of everything that a screen reader meets, in its order."""
        nodes = {node["nodeId"]: node for node in self._send("Accessibility.getFullAXTree")["nodes"]}
        met, ahead = [], [next(iter(nodes.values()))]
        while ahead:
            node = ahead.pop()
            if not node["ignored"]:
                met.append((node["role"]["value"], node.get("name", {}).get("value", "")))
            ahead += [nodes[child] for child in reversed(node.get("childIds", [])) if child in nodes]
        return met

    # What a user does

    def click(self, selector: str) -> None:
        self.wait(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")
        self.js(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'nearest'}})")
        box = self.box(selector)
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def press(self, key: str, modifiers: int = 0) -> None:
        code = KEYS[key]
        text = {"text": "\r"} if key == "Enter" else {}
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self._send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **about, **text)
        self._send("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        self._send("Input.insertText", text=text)

    def say(self, text: str) -> None:
        """Type a message and send it."""
        self.js("document.querySelector('#text').focus()")
        self.type(text)
        self.press("Enter")


def _pipe() -> tuple[int, int]:
    """Make a pipe whose descriptors are neither 3 nor 4."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own."""
    assert CHROMIUM
    with TemporaryDirectory(prefix="vq-browser-", ignore_cleanup_errors=True) as profile:
        theirs_in, ours_out = _pipe()
        ours_in, theirs_out = _pipe()
        process = subprocess.Popen(  # the protocol wants descriptors 3 and 4
            ["bash", "-c", f'exec 3<&{theirs_in} 4>&{theirs_out} "$@"', "bash", CHROMIUM, "--headless=new",
             "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--hide-scrollbars", "--proxy-server=127.0.0.1:9", "--proxy-bypass-list=127.0.0.1",
             f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            page = Browser(ours_out, ours_in)
            yield page
            page.close()
        finally:
            process.terminate()
            process.wait(PATIENCE)
            os.close(ours_out)
            os.close(ours_in)
