"""Words for changes of how people sign in: on the page of their account, and in mail."""

from __future__ import annotations

from collections.abc import Mapping

FACTOR_CHANGES: Mapping[str, str] = {
    "app_added": "An authenticator app was set up.",
    "app_removed": "The authenticator app was taken away.",
    "passkey_added": "A passkey was set up.",
    "passkey_removed": "A passkey was taken away.",
    "passkey_refused": "A passkey was refused, because it looked like a copy. If it was yours, set up a new one.",
    "codes_added": "Recovery codes were made.",
    "code_used": "A recovery code was used.",
    "all_removed": "All second factors were taken away by those who run this server.",
}
"""By the word for it in the database."""
