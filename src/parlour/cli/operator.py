"""Asks the server that runs on a data directory, through the operator's socket in it."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from parlour.cli.output import EXIT_REFUSED, EXIT_UNKNOWN, EXIT_UNREACHABLE, fail
from parlour.net.operator_socket import reachable

ANSWER_S = 30.0
"""How long a server may take to answer: its disk may be slow."""


def ask_server(directory: Path, method: str, path: str, body: object = None) -> Any:
    """The JSON that the running server answers with, None where it has no content. Ends the command where that fails.

    Raises FileNotFoundError and ConnectionRefusedError if no server listens there.
    """
    connection = HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(ANSWER_S)
    try:
        with reachable(directory) as address:
            connection.sock.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        raise
    except OSError as error:
        fail(EXIT_UNREACHABLE, f"The operator's socket in {directory} cannot be used: {error.strerror}.")
    try:
        fields = {"Accept": "application/json"}
        if body is not None:
            fields["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        response = connection.getresponse()
        content = response.read()
        answer: Any = json.loads(content or b"null")
    except (OSError, HTTPException, ValueError):
        fail(EXIT_UNKNOWN, "The server was told and did not answer: give the command again to be sure.")
    finally:
        connection.close()
    if response.status >= 300:
        fail(EXIT_REFUSED, f"refused: {answer['detail']} ({answer['code']})")
    return answer
