"""Addresses of databases: what is one, and that nobody is shown a password."""

from __future__ import annotations

import pytest

from parlour.core.store_address import is_store_address, without_password

SHOWN = {
    "sqlite": "sqlite",
    "postgresql://db.example.org/parlour": "postgresql://db.example.org/parlour",
    "postgresql://parlour:s3cret@db:5432/parlour?sslmode=require": "postgresql://parlour@db:5432/parlour?sslmode=require",
    "postgres://parlour:s3%2Fcret@[::1]:5432/parlour": "postgres://parlour@[::1]:5432/parlour",
    "postgresql://parlour@/parlour?host=/run/postgresql": "postgresql://parlour@/parlour?host=/run/postgresql",
    "postgresql://parlour@db/parlour?password=s3cret": "postgresql://parlour@db/parlour",
    "postgresql://one,two:5433/parlour": "postgresql://one,two:5433/parlour",
}


@pytest.mark.parametrize("address", SHOWN)
def test_an_address_is_shown_without_its_password(address: str) -> None:
    assert address == "sqlite" or is_store_address(address)
    assert without_password(address) == SHOWN[address]


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:s3cret?x@h/db", "postgresql://u:s3/cret@h/db", "postgresql://u:s3#cret@h/db", "postgresql://u:[s3cret@h",
        "host=db user=u password=s3cret", "postgresql://u@h/db?p%61ssword=s3cret", "postgresql://h:s3cret/db",
        "mysql://u:s3cret@h/db", "postgresql://u:s3cret@h/db?options=-c", "postgresql://u:s3 cret@h/db",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_shown(text: str) -> None:
    assert not is_store_address(text)
    assert "cret" not in without_password(text)
