"""nginx with a beginner's configuration: one `proxy_pass` and the host, so that no WebSocket passes."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.timeout import TIMEOUT_S

CONFIG = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log error;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{own} reuseport;
        location / {{
            proxy_pass http://127.0.0.1:{port};
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


@contextmanager
def plain_nginx(directory: Path, port: int) -> Iterator[str]:
    """Run such an nginx in front of `port`, with its files in `directory`; gives its address, without a slash."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "this test needs nginx"
    directory.mkdir(exist_ok=True)
    with socket.socket() as reserved:  # bound, but without listening: what connects comes to nginx
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        own = reserved.getsockname()[1]
        config = directory / "nginx.conf"
        config.write_text(CONFIG.format(directory=directory, own=own, port=port))
        process = subprocess.Popen([program, "-p", directory, "-c", config, "-e", directory / "error.log"])
        try:
            _await(own, process)
            yield f"http://127.0.0.1:{own}"
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until it listens."""
    while True:
        assert process.poll() is None, "nginx did not start"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
