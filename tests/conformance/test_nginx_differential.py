"""The same bytes to nginx and to the server: we never read a request where nginx reads none, or another one.

Where they differ we read less: docs/evidence.md says what and why.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from parlour.config import Settings
from parlour.wire.http1 import RequestDecoder
from tests.conformance.http1_case import message
from tests.conformance.http1_cases import CASES
from tests.conformance.http1_mutations import mutations
from tests.conformance.nginx import Nginx, Seen, exchange, nginx, plain
from tests.support.inprocess import InProcess

log = logging.getLogger(__name__)

SEED = int(os.environ.get("PARLOUR_TEST_SEED", "1"))
LONG_COUNT = int(os.environ.get("PARLOUR_TEST_MUTATIONS", "100000"))

LAST = message("GET /the-last HTTP/1.1", "Connection: close")
"""Sent behind everything: who reads it has found the place where the request before it ends."""

NGINX_REFUSES = {
    "TRACE: 405 from both, and nginx closes": rb"TRACE ",
    "a path above the root, which is no directory here": rb"/\.\.",
    "OPTIONS for the whole server (RFC 9112 §3.2.4)": rb"OPTIONS (?:\*|http)",
    "an option that contains `close` (RFC 9110 §7.6.1)": rb"connection:[^\r]*(?:[^\s,][ \t]*close|close[ \t]*[^\s,])",
    "a tab beside a value (RFC 9110 §5.6.3)": rb"(?:content-length|transfer-encoding|connection|host):[^\r]*\t",
    "a host name with an empty label, or in a target with an underscore": rb"host:[^\r]*\.\.|https?://[^/\s]*(?:_|\.\.)",
    "a path with %00, or a percent sign that encodes nothing": rb"%(?:00|(?![0-9a-f]{2}))",
}
"""What we read and nginx does not, why that is right, and how such bytes are known."""

_NGINX_REFUSES = re.compile(b"|".join(NGINX_REFUSES.values()), re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """Our server, nginx beside and in front of it, and what each has read."""

    server: InProcess
    nginx: Nginx
    ours: list[Seen]

    def read_by_us(self, data: bytes) -> list[Seen]:
        """The requests that our server reads in these bytes."""
        self.ours.clear()
        exchange(self.server.port, data + LAST)
        return self.ours[:]

    def read_by_nginx(self, data: bytes) -> list[Seen]:
        """The requests that nginx reads in these bytes."""
        self.nginx.seen.clear()
        exchange(self.nginx.reader, data + LAST)
        return self.nginx.seen[:]

    def passed_on(self, data: bytes) -> tuple[dict[str, int], list[Seen]]:
        """The ids of the requests that nginx says it has passed on, with our statuses; and what we have read."""
        self.ours.clear()
        self.nginx.log.write_bytes(b"")
        exchange(self.nginx.deployed, data + LAST)
        lines = [line.split("\t") for line in self.nginx.log.read_text("ascii").splitlines()]
        # Of several statuses the last counts: the others are of connections that had ended meanwhile.
        return {id_: int(status.split(", ")[-1]) for id_, status in lines if status != "-"}, self.ours[:]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("nginx")
    settings = Settings(port=0, data=directory / "data", rate_limits=False, allowed_hosts=("*",))
    ours: list[Seen] = []
    next_body = RequestDecoder.next_body

    def recorded(decoder: RequestDecoder, limit: int) -> bytes | None:
        head, body = decoder._head, next_body(decoder, limit)
        if head is not None and body is not None:
            id_ = (head.get(b"x-request-id") or b"").decode()
            ours.append(Seen(head.method, plain(head.target.decode("latin-1")), body, id_))
        return body

    with pytest.MonkeyPatch.context() as patch, InProcess(settings=settings) as server:
        patch.setattr(RequestDecoder, "next_body", recorded)
        with nginx(directory, server.port, asked=1_000_000) as running:  # all cases come from one client
            yield Pair(server, running, ours)


def compare(pair: Pair, inputs: Iterable[bytes]) -> Counter[str]:
    """Hold the rule for each of them; gives how many are read alike, refused earlier by us, and excused."""
    counts: Counter[str] = Counter()
    for data in inputs:
        ours, theirs = pair.read_by_us(data), pair.read_by_nginx(data)
        both = min(len(ours), len(theirs))
        assert ours[:both] == theirs[:both], data
        if len(ours) > both:
            assert _NGINX_REFUSES.search(data), (data, ours, theirs)
            counts["excused"] += 1
        else:
            counts["alike" if len(theirs) == both else "stricter"] += 1
    return counts


def pass_on(pair: Pair, inputs: Iterable[bytes]) -> int:
    """Send them through nginx; gives how many requests it passed on.

    Each is read by us once, in order, as nginx has understood it; or it is refused. Nothing else is read.
    """
    count = 0
    for data in inputs:
        passed, ours = pair.passed_on(data)
        count += len(passed)
        refused = passed.keys() - {each.id for each in ours}
        assert [each.id for each in ours] == [id_ for id_ in passed if id_ not in refused], data
        assert all(passed[id_] >= 400 for id_ in refused), (data, passed, ours)
        if ours:
            understood = iter(pair.read_by_nginx(data))
            assert all(each._replace(id="") in understood for each in ours), (data, ours)
    return count


def test_the_table_of_cases_is_never_read_otherwise_than_by_nginx(pair: Pair) -> None:
    counts = compare(pair, (case.data for case in CASES))
    assert counts.total() == len(CASES)
    assert counts["alike"] > 300
    assert counts["excused"] < 12


def test_mutated_requests_are_never_read_otherwise_than_by_nginx(pair: Pair) -> None:
    counts = compare(pair, mutations(SEED, 1500))
    assert counts["alike"] > 1000


def test_what_nginx_passes_on_is_what_we_read(pair: Pair) -> None:
    assert pass_on(pair, (case.data for case in CASES)) > len(CASES)
    assert pass_on(pair, mutations(SEED + 1, 1000)) > 400


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_very_many_mutated_requests_are_never_read_otherwise_than_by_nginx(pair: Pair) -> None:
    log.info("%d mutations: %s", LONG_COUNT, dict(compare(pair, mutations(SEED + 2, LONG_COUNT))))
    log.info("%d mutations through nginx: %d requests", LONG_COUNT, pass_on(pair, mutations(SEED + 3, LONG_COUNT)))
