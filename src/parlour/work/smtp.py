"""Hands mail to the mail server over SMTP (RFC 5321, RFC 6409), encrypted wherever it goes to another machine."""

from __future__ import annotations

import ssl
from contextlib import suppress
from email.message import EmailMessage

import aiosmtplib

from parlour.core.mail_server_address import MailServer
from parlour.work.mailing import Line, Undelivered

TIMEOUT_S = 30.0
"""For each answer of the mail server."""

_FOR_GOOD = range(550, 560)
"""Answers that speak of this mail or its address, which another try would get again (RFC 5321 §4.2.2). Others that
begin with a 5, such as of a wrong password, speak of what whoever runs the servers can mend meanwhile."""


class Smtp:
    """A mail server. Implements `mailing.Post`."""

    def __init__(self, server: MailServer, name: str) -> None:
        """`name` is what this machine is called, said in EHLO. Raises OSError for certificates that cannot be read."""
        self._server = server
        self._name = name
        self._tls = ssl.create_default_context(cafile=server.ca)

    async def open(self) -> Line:
        """Connect, encrypt, sign in. Raises Undelivered."""
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.is_tls,
            start_tls=True if server.needs_tls else None if not server.is_tls else False,
            tls_context=self._tls,
            username=server.user,
            password=server.password,
            local_hostname=self._name,
            timeout=TIMEOUT_S,
        )
        try:
            await client.connect()
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            raise Undelivered(f"the mail server does not let us in ({error.code})") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise Undelivered(f"the mail server cannot be reached ({type(error).__name__})") from error
        return _Line(client)


class _Line:
    """Implements `mailing.Line`."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, message: EmailMessage, address: str) -> None:
        """See `mailing.Line`."""
        try:
            await self._client.send_message(message, recipients=[address])
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused("the address", error.recipients[0].code) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refused("the mail", error.code) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Undelivered(f"the connection to the mail server broke ({type(error).__name__})") from error

    async def close(self) -> None:
        """See `mailing.Line`."""
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._client.quit()
        self._client.close()


def _refused(what: str, code: int) -> Undelivered:
    return Undelivered(f"the mail server does not take {what} ({code})", is_for_good=code in _FOR_GOOD)
