"""A headless Chromium with one page, driven over its DevTools protocol: all that it asks for and complains of is kept."""

import base64
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect  # noqa: TID251 - the DevTools protocol of a test's browser

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-dev-shm-usage", "--mute-audio",
    "--no-proxy-server", "--remote-debugging-port=0", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
PATIENCE_S = 30


class Browser:
    """
    One page in one browser.

    Attributes:
        requests: URLs that were asked for, but for those inside of the page.
        complaints: exceptions, errors and warnings, policies that were broken.
    """

    def __init__(self, program: str, folder: Path, *, dark: bool = False) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._number = 0
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self._line = self._connected(folder / "DevToolsActivePort")
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.tell(f"{domain}.enable")
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self.tell("Emulation.setEmulatedMedia", features=[scheme])
            self.resize(1280, 900)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if line := getattr(self, "_line", None):
            line.close()

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.tell("Emulation.setDeviceMetricsOverride", **metrics)

    def open(self, path: Path, anchor: str = "") -> None:
        """Show a file, as a page of its own even where it is open already."""
        self.tell("Page.navigate", url="about:blank")
        self.tell("Page.navigate", url=f"{path.absolute().as_uri()}{anchor}")
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def ask(self, script: str) -> Any:
        """Return the value of an expression."""
        answer = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str) -> None:
        """Wait for an expression to become true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.ask(script):
            assert time.monotonic() < deadline, f"{script} does not come true"
            time.sleep(0.02)

    def settle(self) -> None:
        """Let the page draw."""
        self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)
        self.settle()

    def press(self, key: str, **more: object) -> None:
        typed = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.tell("Input.dispatchKeyEvent", type=kind, key=key, **(typed if kind == "keyDown" else {}), **more)
        self.settle()

    def box(self, selector: str) -> dict[str, float]:
        """Return where the first element of a selector is, in CSS pixels."""
        found: dict[str, float] = self.ask(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        return found

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"])

    def tell(self, method: str, **params: object) -> dict[str, Any]:
        """Give an order; return its answer. What comes meanwhile is noted."""
        self._number += 1
        self._line.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._line.recv(PATIENCE_S))
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                answer: dict[str, Any] = message["result"]
                return answer
            self._note(message.get("method"), message.get("params", {}))

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("data:", "about:")):
                    self.requests.append(url)
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.complaints.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(params["entry"]["text"])
            case "Page.javascriptDialogOpening":
                self.complaints.append(f"dialog: {params['message']}")
                self._line.send(json.dumps({"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}))

    def _connected(self, port_file: Path) -> ClientConnection:
        import urllib.request

        deadline = time.monotonic() + PATIENCE_S
        while not (port_file.is_file() and port_file.read_text()):
            assert self._process.poll() is None, "Chromium does not start"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        port = port_file.read_text().split()[0]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE_S) as answer:
                pages = [each for each in json.load(answer) if each["type"] == "page"]
            if pages:
                return connect(pages[0]["webSocketDebuggerUrl"], max_size=None, proxy=None)
            time.sleep(0.02)
