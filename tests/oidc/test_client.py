"""What a sign-in provider says counts only if it is for us, of now, of the issuer, and signed by it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey

from parlour.core.providers import Provider, provider_of
from parlour.oidc.client import KEYS_AGAIN_S, ProviderClient
from parlour.oidc.flow import ProviderFailed, Started, verified_email
from tests.support.bad_provider import BadProvider, bad_provider

STARTED = Started("state", "nonce", "verifier-verifier-verifier-verifier-verifier")
BACK = "https://chat.example.org/auth/company/callback"


class Hand:
    now = 1000.0


@pytest.fixture(scope="module")
def running() -> Iterator[BadProvider]:
    with bad_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: BadProvider) -> BadProvider:
    running.reset()
    running.claims = running.right_claims("nonce")
    return running


@pytest.fixture
async def client(provider: BadProvider) -> AsyncIterator[ProviderClient]:
    made = ProviderClient(
        Provider("company", "Company", provider.url, "parlour", "s:ecret", False), BACK, time.time, lambda: Hand.now
    )
    yield made
    await made.close()


async def test_what_is_right_counts(provider: BadProvider, client: ProviderClient) -> None:
    token = await client.finish(STARTED, "code", None)
    assert (token.subject, verified_email(token.claims)) == ("s-1", "ada@example.org")
    (form,) = provider.forms
    assert (form["code_verifier"], form["redirect_uri"]) == ([STARTED.verifier], [BACK])
    await client.finish(STARTED, "code", None)
    assert provider.asked.count("/keys") == 1


@pytest.mark.parametrize("read", [unquote, unquote_plus])
async def test_every_provider_reads_the_secret_as_it_is(provider: BadProvider, read: Callable[[str], str]) -> None:
    """Some read it as a form does, as RFC 6749 §2.3.1 says, and some leave a + as it is."""
    secret = "s:e cr+et%20\u00e9"  # noqa: S105
    client = ProviderClient(
        Provider("company", "Company", provider.url, "parlour", secret, False), BACK, time.time, lambda: Hand.now
    )
    await client.finish(STARTED, "code", None)
    (pair,) = provider.pairs
    assert [read(part) for part in pair.split(":")] == ["parlour", secret]
    await client.close()


async def test_the_way_there_has_a_proof_key_and_goes_back_to_our_address_alone(client: ProviderClient) -> None:
    query = parse_qs(urlsplit(await client.address(STARTED, asks_again=False)).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["code_challenge"] != [STARTED.verifier]
    assert (query["state"], query["nonce"], query["redirect_uri"]) == (["state"], ["nonce"], [BACK])


NOW = int(time.time())
WRONG_CLAIMS: dict[str, dict[str, object]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "an issuer with a slash more": {"iss": "+/"},
    "another audience": {"aud": "somebody"},
    "several audiences, given to nobody": {"aud": ["parlour", "somebody"]},
    "given to somebody else": {"aud": ["parlour", "somebody"], "azp": "somebody"},
    "over": {"exp": NOW - 120},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "never"},
    "an old one": {"iat": NOW - 3600},
    "one of the future": {"iat": NOW + 3600},
    "not valid yet": {"nbf": NOW + 3600},
    "another nonce": {"nonce": "of another sign-in"},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject of another kind": {"sub": 1},
    "a long subject": {"sub": "s" * 256},
}


@pytest.mark.parametrize("what", WRONG_CLAIMS)
async def test_a_token_that_says_something_else_does_not_count(
    provider: BadProvider, client: ProviderClient, what: str
) -> None:
    for name, value in WRONG_CLAIMS[what].items():
        provider.claims[name] = f"{provider.url}/" if value == "+/" else value
    provider.claims = {name: value for name, value in provider.claims.items() if value is not None}
    with pytest.raises(ProviderFailed):
        await client.finish(STARTED, "code", None)


FORGED: dict[str, Callable[[BadProvider], Callable[[dict[str, object]], str]]] = {
    "no signature": lambda provider: provider.unsigned,
    "the public key as a secret": lambda provider: provider.with_the_public_key_as_secret,
    "the key of a stranger": lambda provider: provider.by_a_stranger,
    "a key of its own inside": lambda provider: provider.with_a_key_inside,
    "nothing": lambda _: lambda _: "",
    "no token": lambda _: lambda _: "a.b.c",
    "five parts": lambda _: lambda _: "a.b.c.d.e",
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_token_that_the_issuer_has_not_signed_does_not_count(
    provider: BadProvider, client: ProviderClient, what: str
) -> None:
    provider.token = FORGED[what](provider)
    with pytest.raises(ProviderFailed):
        await client.finish(STARTED, "code", None)


async def test_a_secret_key_in_the_key_set_signs_nothing(provider: BadProvider, client: ProviderClient) -> None:
    secret = OctKey.generate_key(256)
    provider.keys = [{**secret.as_dict(), "kid": provider.key.kid}]
    provider.token = provider.with_the_public_key_as_secret
    with pytest.raises(ProviderFailed):
        await client.finish(STARTED, "code", None)


async def test_a_new_key_of_the_provider_is_found_and_not_looked_for_all_the_time(
    provider: BadProvider, client: ProviderClient
) -> None:
    await client.finish(STARTED, "code", None)
    first, provider.key = provider.key, RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
    try:
        Hand.now += KEYS_AGAIN_S + 1
        assert (await client.finish(STARTED, "code", None)).subject == "s-1"
        assert provider.asked.count("/keys") == 2
        provider.key = RSAKey.generate_key(2048, {"kid": "third", "use": "sig"})
        for _ in range(3):
            with pytest.raises(ProviderFailed):
                await client.finish(STARTED, "code", None)
        assert provider.asked.count("/keys") == 2
    finally:
        provider.key = first


async def test_a_clock_that_is_a_little_wrong_does_no_harm(provider: BadProvider, client: ProviderClient) -> None:
    provider.claims |= {"exp": int(time.time()) - 30, "iat": int(time.time()) + 30}
    assert (await client.finish(STARTED, "code", None)).subject == "s-1"


@pytest.mark.parametrize(("auth_time", "counts"), [(None, False), (-3600, False), (0, True)])
async def test_asking_again_has_to_have_happened(
    provider: BadProvider, client: ProviderClient, auth_time: int | None, counts: bool
) -> None:
    if auth_time is not None:
        provider.claims["auth_time"] = int(time.time()) + auth_time
    if counts:
        assert await client.finish(STARTED, "code", time.time())
    else:
        with pytest.raises(ProviderFailed):
            await client.finish(STARTED, "code", time.time())


async def test_an_answer_of_another_issuer_does_not_count(provider: BadProvider, client: ProviderClient) -> None:
    await client.require_issuer(provider.url)
    for issuer in ("https://evil.example", f"{provider.url}/", "", None):
        with pytest.raises(ProviderFailed):
            await client.require_issuer(issuer)


async def test_what_is_said_of_somebody_else_does_not_count(provider: BadProvider, client: ProviderClient) -> None:
    provider.userinfo["sub"] = "s-2"
    with pytest.raises(ProviderFailed):
        await client.finish(STARTED, "code", None)


@pytest.mark.parametrize("said", [False, "true", 1, None])
async def test_an_address_is_verified_if_the_provider_says_true(
    provider: BadProvider, client: ProviderClient, said: object
) -> None:
    provider.userinfo["email_verified"] = said
    assert verified_email((await client.finish(STARTED, "code", None)).claims) is None


WRONG_METADATA: dict[str, dict[str, object]] = {
    "another issuer": {"issuer": "https://evil.example"},
    "an address in clear": {"token_endpoint": "http://evil.example/token"},
    "an address of this machine's files": {"jwks_uri": "file:///etc/passwd"},
    "an address with a user": {"jwks_uri": "https://a:b@evil.example/"},
    "no address": {"authorization_endpoint": None},
    "a script": {"authorization_endpoint": "javascript:alert(1)"},
    "two lines": {"authorization_endpoint": "https://a.example/\r\nSet-Cookie: a=b"},
}


@pytest.mark.parametrize("what", WRONG_METADATA)
async def test_a_provider_that_says_something_strange_of_itself_is_not_used(
    provider: BadProvider, client: ProviderClient, what: str
) -> None:
    provider.metadata |= WRONG_METADATA[what]
    with pytest.raises(ProviderFailed):
        await client.address(STARTED, asks_again=False)


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
        (500, {}, b"{}"),
        (200, {}, b"[]"),
        (200, {}, b"no JSON"),
        (200, {}, b"x" * 1_000_000),
    ],
    ids=["a redirect", "an error", "a list", "no JSON", "a large one"],
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"])
async def test_answers_of_any_other_kind_count_for_nothing(
    provider: BadProvider, client: ProviderClient, path: str, answer: tuple[int, dict[str, str], bytes]
) -> None:
    provider.answers[path] = answer
    with pytest.raises(ProviderFailed):
        await client.finish(STARTED, "code", None)


async def test_no_redirect_is_followed(provider: BadProvider, client: ProviderClient) -> None:
    provider.answers["/elsewhere"] = provider.answer("/keys", b"")
    provider.answers["/keys"] = (302, {"Location": f"{provider.url}/elsewhere"}, b"")
    with pytest.raises(ProviderFailed):
        await client.finish(STARTED, "code", None)
    assert "/elsewhere" not in provider.asked


ROW = {"id": "company", "name": "Company", "issuer": "https://id.example.org", "client_id": "parlour"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"issuer": "http://id.example.org"}, "https"),
        ({"issuer": "https://id.example.org?x=1"}, "https"),
        ({"id": "Company"}, "small letters"),
        ({"id": "a/b"}, "small letters"),
        ({"name": "x" * 41}, "40"),
        ({"name": ""}, "one line"),
        ({"client_id": 7}, "one line"),
        ({"makes_accounts": "yes"}, "true or false"),
        ({"client_secret": "s"}, "there is no client_secret"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(changed: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        provider_of({**ROW, **changed}, None)
