"""Firefox for tests, driven over WebDriver BiDi: one process, a profile for each tab, and its complaints."""

from __future__ import annotations

import base64
import json
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import websocket

from tests.support.timeout import TIMEOUT_S

_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "intl.accept_languages": "en-GB",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "",
    "toolkit.telemetry.enabled": False,
}
"""Firefox requests nothing but the pages that a test opens."""

_DARK = "layout.css.prefers-color-scheme.content-override"
_LISTENS = "WebDriver BiDi listening on "
_KEYS = {
    "ArrowDown": "\ue015", "ArrowUp": "\ue013", "End": "\ue010", "Enter": "\ue007", "Escape": "\ue00c",
    "Home": "\ue011", "PageDown": "\ue00f", "PageUp": "\ue00e", "Shift": "\ue008", "Tab": "\ue004",
}  # fmt: skip
_LINE_IS_DOWN = ("can’t establish a connection", "was interrupted while")
"""What Firefox itself writes to the console while a server is away."""


@contextmanager
def firefox(*, dark: bool = False) -> Iterator[Firefox]:
    """A running browser. Raises AssertionError if the machine has none, or if it does not start."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    assert path is not None, "these tests need Firefox"
    with tempfile.TemporaryDirectory(prefix="firefox-") as profile:
        preferences = {**_PREFERENCES, _DARK: 0 if dark else 1}
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
        Path(profile, "user.js").write_text("".join(lines))
        command = [path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        with subprocess.Popen(
            [*command, "about:blank"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                with closing(Firefox(_address(process))) as browser:
                    yield browser
            finally:
                process.terminate()
                process.communicate(timeout=TIMEOUT_S)


def _address(process: subprocess.Popen[bytes]) -> str:
    """The address that the process prints on its standard error."""
    assert process.stderr is not None
    until, said = monotonic() + TIMEOUT_S, ""
    while monotonic() < until and select.select([process.stderr], [], [], until - monotonic())[0]:
        line = process.stderr.readline().decode(errors="replace")
        if _LISTENS in line:
            return line.split(_LISTENS, 1)[1].strip()
        said += line
        if not line:
            break
    raise AssertionError(f"Firefox did not start: {said}")


class Firefox:
    """A connection to a running Firefox (W3C WebDriver BiDi). Commands wait for their answer."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(f"{address}/session", timeout=TIMEOUT_S, suppress_origin=True)
        self._ids = count(1)
        self._tabs: dict[str, Tab] = {}
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])

    def close(self) -> None:
        """End the session."""
        self._socket.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command. Raises AssertionError with what Firefox says if it fails."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert answer["type"] == "success", f"{method}: {answer}"
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("method") == "log.entryAdded":
                self._logged(answer["params"])

    def _logged(self, entry: dict[str, Any]) -> None:
        tab = self._tabs.get(entry["source"].get("context", ""))
        text = entry.get("text") or ""
        if tab and entry["level"] in ("error", "warn") and not any(words in text for words in _LINE_IS_DOWN):
            tab.complaints.append(f"{entry['level']}: {text}")

    @contextmanager
    def tab(self, *, width: int = 1000, height: int = 700) -> Iterator[Tab]:
        """A tab with a fresh profile, in a window of this size in CSS pixels."""
        user = self.call("browser.createUserContext")["userContext"]
        context = self.call("browsingContext.create", type="tab", userContext=user)["context"]
        tab = self._tabs[context] = Tab(self, context)
        tab.resize(width, height)
        try:
            yield tab
        finally:
            del self._tabs[context]
            self.call("browser.removeUserContext", userContext=user)


class Tab:
    """A tab; `complaints` collects errors and warnings on its console, and what was thrown."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self._browser = browser
        self._context = context
        self.complaints: list[str] = []

    def resize(self, width: int, height: int) -> None:
        """Give the page this size in CSS pixels."""
        viewport = {"width": width, "height": height}
        self._browser.call("browsingContext.setViewport", context=self._context, viewport=viewport)

    def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self._browser.call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, function: str, *arguments: Any) -> Any:
        """What a JavaScript function gives, or its promise; arguments and result pass as JSON."""
        values = ", ".join(json.dumps(argument) for argument in arguments)
        answer = self._browser.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({function})({values})) ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer.get("exceptionDetails", {}).get("text")
        return json.loads(answer["result"]["value"])

    def wait_for(self, function: str, *arguments: Any) -> None:
        """Wait until a JavaScript function gives what is true. Raises AssertionError if that takes too long."""
        values = ", ".join(json.dumps(argument) for argument in arguments)
        found = self.evaluate(
            f"""async () => {{
                const until = performance.now() + {1000 * (TIMEOUT_S - 5)};
                while (!(await ({function})({values}))) {{
                    if (performance.now() > until) return false;
                    await new Promise((done) => setTimeout(done, 20));
                }}
                return true;
            }}"""
        )
        assert found, f"this did not become true: {function}"

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other: characters, or names such as `PageUp` and `Shift+Tab`."""
        actions = []
        for key in keys:
            chord = [_KEYS.get(part, part) for part in (key.split("+") if len(key) > 1 else [key])]
            actions += [{"type": "keyDown", "value": value} for value in chord]
            actions += [{"type": "keyUp", "value": value} for value in reversed(chord)]
        self._perform({"type": "key", "id": "keyboard", "actions": actions})

    def click(self, x: float, y: float) -> None:
        """Click with the mouse at a place of the window."""
        steps = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._perform({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps})

    def _perform(self, source: dict[str, Any]) -> None:
        self._browser.call("input.performActions", context=self._context, actions=[source])

    def screenshot(self, path: Path) -> None:
        """Save what can be seen as a PNG file."""
        answer = self._browser.call("browsingContext.captureScreenshot", context=self._context)
        path.write_bytes(base64.b64decode(answer["data"]))
