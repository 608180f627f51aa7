"""The controls of sign-in providers."""

from __future__ import annotations

from tests.people.control import Control

CLIENT = "tests/oidc/test_client.py::"
PEOPLE = "tests/people/test_providers.py::"
PROXIED = "tests/people/test_proxied.py::"
SAYS = f"{CLIENT}test_a_token_that_says_something_else_does_not_count"
FORGED = f"{CLIENT}test_a_token_that_the_issuer_has_not_signed_does_not_count"

PROVIDER_CONTROLS = (
    Control(
        "an e-mail address counts if the provider has verified it",
        "oidc/flow.py",
        'claims.get("email_verified") is True',
        'claims.get("email_verified") is not None',
        f"{PEOPLE}test_an_address_that_the_provider_has_not_verified_takes_nothing_over",
    ),
    Control(
        "and if it was verified here",
        "chat/provider_links.py",
        "holders: list[str] = [] if email is None else (yield ACCOUNT_WITH(email.folded))",
        "named = None if email is None else self._identities.accounts.named(email.address.partition('@')[0])\n"
        "        holders: list[str] = [] if named is None else [named.id]",
        f"{PEOPLE}test_an_account_that_is_there_is_theirs_by_an_address_that_both_have_verified",
    ),
    Control(
        "but opens no account with a second factor",
        "chat/provider_links.py",
        "            if account.factors:",
        "            if account.factors > 9:",
        "tests/people/test_second_factor.py::test_a_mailbox_opens_no_account_that_has_a_second_factor",
    ),
    Control(
        "a token sets no first password",
        "chat/accounts.py",
        ' or actor.credential not in ("session", "proxy"):',
        ":",
        f"{PEOPLE}test_who_has_no_password_sets_a_first_one_and_signs_in_by_it_too",
    ),
    Control(
        "nor does a session that was begun long ago",
        "chat/accounts.py",
        "        self._identities.require_recent(actor)\n        return None\n",
        "        return None\n",
        f"{PEOPLE}test_signing_in_again_at_the_provider_stands_for_the_password",
    ),
    Control(
        "an answer comes back to the browser in which it began",
        "api/provider_pages.py",
        " or not _is(options.state, begun.state):",
        ":",
        f"{PEOPLE}test_a_callback_counts_once_in_the_browser_in_which_it_began",
    ),
    Control(
        "to the provider that was asked",
        "api/provider_pages.py",
        "if begun is None or begun.provider != options.provider or not _is",
        "if begun is None or not _is",
        f"{PEOPLE}test_an_answer_for_one_provider_does_not_count_at_another",
    ),
    Control(
        "an answer of the issuer that was asked",
        "oidc/client.py",
        "if issuer != self.provider.issuer and (issuer is not None or metadata.says_issuer):",
        "if issuer == '':",
        f"{CLIENT}test_an_answer_of_another_issuer_does_not_count",
    ),
    Control("a token of the issuer", "oidc/id_token.py", 'if claims.get("iss") != issuer:', "if not issuer:", SAYS),
    Control("a token for us", "oidc/id_token.py", "if client_id not in audiences:", "if not audiences:", SAYS),
    Control(
        "a token that was given to us",
        "oidc/id_token.py",
        'if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):',
        "if not client_id:",
        SAYS,
    ),
    Control(
        "a token that is not over",
        "oidc/id_token.py",
        "if expires is None or expires + SKEW_S <= now_s:",
        "if expires == 0:",
        SAYS,
    ),
    Control(
        "a token of now",
        "oidc/id_token.py",
        "if issued is None or not now_s - MAX_AGE_S - SKEW_S <= issued <= now_s + SKEW_S:",
        "if issued == 0:",
        SAYS,
    ),
    Control(
        "a token that was asked for here",
        "oidc/id_token.py",
        "if not isinstance(found, str) or not compare_digest(found.encode(), nonce.encode()):",
        "if found == '':",
        SAYS,
    ),
    Control(
        "algorithms with a pair of keys",
        "oidc/id_token.py",
        'ALGORITHMS = ("RS256",',
        'ALGORITHMS = ("none", "HS256", "RS256",',
        FORGED,
    ),
    Control(
        "no redirect of a provider is followed",
        "oidc/client.py",
        "follow_redirects=False",
        "follow_redirects=True",
        f"{CLIENT}test_no_redirect_is_followed",
    ),
    Control(
        "after a sign-in comes a page of this server",
        "api/provider_pages.py",
        "local_path(options.next)",
        "options.next",
        f"{PEOPLE}test_the_way_there_leads_to_no_other_site",
    ),
    Control(
        "an account of a provider opens one account",
        "chat/provider_links.py",
        "        if linked:\n            raise Refusal",
        "        if linked == []:\n            raise Refusal",
        f"{PEOPLE}test_who_is_signed_in_links_and_unlinks_an_account",
    ),
    Control(
        "a sign-in that asked nobody stands for no password",
        "api/provider_pages.py",
        "at_ms = now_ms - RECENT_MS - 1 if token.auth_time is None else min(now_ms, token.auth_time * 1000)",
        "at_ms = now_ms",
        f"{PEOPLE}test_signing_in_again_at_the_provider_stands_for_the_password",
    ),
    Control(
        "who is asked again was asked",
        "oidc/id_token.py",
        "if fresh_since_s is not None and (auth_time is None or auth_time + SKEW_S < fresh_since_s):",
        "if fresh_since_s == 0:",
        f"{CLIENT}test_asking_again_has_to_have_happened",
    ),
    Control(
        "the only way into an account stays",
        "chat/provider_links.py",
        "if len(links) == 1 and (yield PASSWORD_OF(account.id)) == [None]:",
        "if not links:",
        f"{PEOPLE}test_the_only_way_into_an_account_stays",
    ),
    Control(
        "a name counts from a trusted proxy",
        "net/proxies.py",
        "if not value or not self.trusts(peer):",
        "if not value:",
        f"{PROXIED}test_others_than_the_proxy_name_nobody_and_it_stands_in_the_log",
    ),
    Control(
        "whom a proxy names is looked up each time",
        "api/guard.py",
        "passed = request.peer if request.peer.user is None else None",
        "passed = request.peer",
        f"{PROXIED}test_an_account_that_is_disabled_is_out_at_once_streams_too",
    ),
    Control(
        "a page of another site does nothing for whom a proxy names",
        "api/guard.py",
        'if actor.credential in ("session", "proxy"):',
        'if actor.credential == "session":',
        f"{PROXIED}test_a_page_of_another_site_does_nothing_in_their_name",
    ),
    Control(
        "the name that an account has now",
        "chat/proxied.py",
        "account is not None and account.name == wanted and",
        "account is not None and",
        f"{PROXIED}test_a_name_that_somebody_has_had_leads_to_nobody",
    ),
    Control(
        "a sign-in is over with the first answer",
        "api/provider_pages.py",
        "over = self._end(request, _STARTED)",
        "over: Fields = ()",
        f"{PEOPLE}test_a_callback_counts_once_in_the_browser_in_which_it_began",
    ),
    Control(
        "a provider is asked encrypted, or on this machine",
        "oidc/client.py",
        "if not isinstance(place, str) or not is_safe_address(place):",
        "if not isinstance(place, str):",
        f"{CLIENT}test_a_provider_that_says_something_strange_of_itself_is_not_used",
    ),
    Control(
        "two names are nobody's",
        "net/proxies.py",
        "value = head.get(field)",
        "value = next(iter(head.get_all(field)), None)",
        f"{PROXIED}test_a_token_says_more_than_the_proxy",
    ),
)
