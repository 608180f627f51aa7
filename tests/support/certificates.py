"""Certificates for tests, made by the openssl command."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEYS = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}


def make_certificate(directory: Path, name: str, kind: str = "ec", is_locked: bool = False) -> tuple[Path, Path]:
    """Write `<name>.pem` and `<name>.key`: self-signed, for localhost and 127.0.0.1; `is_locked`: with a password."""
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    protection = ["-passout", "pass:locked"] if is_locked else ["-nodes"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(
        ["openssl", "req", "-x509", "-days", "2", "-newkey", *_KEYS[kind], *protection, *names, *files],
        check=True,
        capture_output=True,
    )
    return cert, key
