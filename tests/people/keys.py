"""An authenticator in software, which also does what none should: it signs for other places, and can be copied."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256

from cbor2 import dumps
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from parlour.core.actor import Actor
from parlour.core.passkeys import Assertion, Attestation, Place
from tests.people.house import House

HERE = Place("http://localhost:8080", "localhost")

PRESENT, VERIFIED, ATTESTED = 1, 4, 64
"""Flags of authenticator data (WebAuthn §6.1)."""


def text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def plain(encoded: str) -> bytes:
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


@dataclass
class Key:
    """A passkey. `user` is the user handle; `counter` grows with each signature if it `counts`."""

    user: bytes
    place: Place = HERE
    counts: bool = True
    counter: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _private: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    def made(self, challenge: str, place: Place | None = None) -> Attestation:
        """What is said of it when it is made."""
        point = self._private.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        known = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + dumps(cose)
        data = self._data(place or self.place, PRESENT | VERIFIED | ATTESTED) + known
        attestation = dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return Attestation(text(self.id), self._client_data("create", challenge, place or self.place), attestation)

    def shown(
        self,
        challenge: str,
        *,
        rp: str | None = None,
        origin: str | None = None,
        flags: int = PRESENT | VERIFIED,
        user: bytes | None = None,
        kind: str = "get",
    ) -> Assertion:
        """What it signs."""
        if self.counts:
            self.counter += 1
        place = Place(origin or self.place.origin, rp or self.place.rp)
        client_data, data = self._client_data(kind, challenge, place), self._data(place, flags)
        signature = self._private.sign(data + sha256(client_data).digest(), ECDSA(SHA256()))
        return Assertion(text(self.id), client_data, data, signature, user or self.user)

    def _data(self, place: Place, flags: int) -> bytes:
        return sha256(place.rp.encode()).digest() + bytes((flags,)) + self.counter.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str, place: Place) -> bytes:
        said = {"type": f"webauthn.{kind}", "challenge": challenge, "origin": place.origin, "crossOrigin": False}
        return json.dumps(said).encode()


def assertion_json(answer: Assertion) -> dict[str, object]:
    """As a browser sends it."""
    response = {
        "clientDataJSON": text(answer.client_data),
        "authenticatorData": text(answer.authenticator_data),
        "signature": text(answer.signature),
        "userHandle": None if answer.user is None else text(answer.user),
    }
    return {"id": answer.credential, "rawId": answer.credential, "type": "public-key", "response": response}


def attestation_json(answer: Attestation) -> dict[str, object]:
    """As a browser sends it."""
    response = {"clientDataJSON": text(answer.client_data), "attestationObject": text(answer.attestation)}
    return {"id": answer.credential, "rawId": answer.credential, "type": "public-key", "response": response}


async def add_key(house: House, actor: Actor, key: Key | None = None) -> Key:
    """A passkey that somebody has set up."""
    assert actor.account is not None
    key = key or Key(actor.account.id.encode())
    challenge, _ = await house.factors.begin_passkey(actor)
    await house.factors.add_passkey(actor, "my key", key.made(challenge), HERE)
    return key
