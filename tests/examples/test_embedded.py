"""The program with a chat inside answers what is asked in its lobby, and ends when told to."""

from __future__ import annotations

import re
import subprocess
import sys

from parlour.client import Client, Event
from tests.support.terminal import ROOT, clean_environment

TIMEOUT_S = 60


def test_embedded_greets_tells_the_time_and_ends_with_bye() -> None:
    command = [sys.executable, str(ROOT / "examples" / "embedded.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as program:
        try:
            assert program.stdout is not None
            address = re.fullmatch(r"Listening on (http://127\.0\.0\.1:\d+)\n", program.stdout.readline())
            assert address
            with Client(f"{address[1]}/lobby", name="alice") as alice:
                alice.send("time")
                said = []
                for item in alice.follow(last=10):
                    if isinstance(item, Event):
                        said.append((item.by.name, item.text))
                        if len(said) == 3:
                            break
                assert said[:2] == [("clock", "Ask me for the time, or say bye."), ("alice", "time")]
                assert said[2][0] == "clock"
                assert re.fullmatch(r"\d\d:\d\d", said[2][1] or "")
                alice.send("bye")
            assert program.wait(TIMEOUT_S) == 0
        finally:
            program.kill()
