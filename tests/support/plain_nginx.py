"""nginx as people begin with it: one `proxy_pass` and the host, so that no WebSocket passes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.patience import PATIENCE_S

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
        listen 127.0.0.1:{own};
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
    # It takes over a listening socket as it does in an upgrade, so the kernel can choose the port.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = listener.getsockname()[1]
        config = directory / "nginx.conf"
        config.write_text(CONFIG.format(directory=directory, own=own, port=port))
        process = subprocess.Popen(
            [program, "-p", directory, "-c", config, "-e", directory / "error.log"],
            env={**os.environ, "NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
        )
    try:
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
