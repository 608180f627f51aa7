"""A web server for the page's modules as they are in the source, so that browsers can import each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

STATIC = Path(__file__).parents[2] / "src" / "parlour" / "ui" / "static"


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", "": "text/html; charset=utf-8"}  # noqa: RUF012  # as in the standard library

    def do_GET(self) -> None:
        """Send a file, or for `/` a page that asks for nothing else, not even an icon."""
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b'<!doctype html><link rel="icon" href="data:,">')
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving_modules() -> Iterator[str]:
    """The address of a page from which `import("./hidden.js")` works, as it does for every file of the page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(STATIC))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
