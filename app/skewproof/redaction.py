"""What must not be shown, taken out of whatever others say: secrets by their form and by value.

A library quotes URLs, headers and answers as they are, and a server what it was sent. No list of
forms is complete, so that the values that are known, the configured ones and those of variables
with such a name, go as well, wherever they stand.
"""

from __future__ import annotations

import logging
import os
import re
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
UNMISTAKABLE = 8  # characters; a shorter secret may be a part of ordinary words
NAMES = (
    r"[\w-]*(?:authori[sz]ation|cookie|signature|credential|passw(?:or)?d|pwd|secret|token|\bsig|"
    r"(?:access|account|customer|private|shared|api)[_-]?key)(?:[_-]?(?:id|key|value|provided))?"
)
QUOTE = r"""\\*["']"""
FORMS = (
    # Userinfo goes without a trace, so that an address is still one.
    (re.compile(r"(?<=://)[^/?#\s]*@"), ""),
    (re.compile(r"""[^\s/:@"'`<>=]+:[^\s/@"'`<>]+@(?=[\w\[])"""), ""),
    (re.compile(r"\?[^\s?'\"`<>]*=[^\s'\"`<>)]*"), f"?{HIDDEN}"),
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|$)", re.DOTALL), HIDDEN),
    # A header whose value may have blanks, up to the end of its line or of what it is quoted in.
    (
        re.compile(r"(?i)((?:authorization|cookie):\s*)[^\r\n\"'<>\\]+"),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)\b(AWS4-HMAC-SHA256|AWS|Basic|Bearer|GOOG\w+|SharedKey(?:Lite)?)(?:\s+|%20)"
            r"(?:Credential=[^\"'<>\r\n\\]*|[\w+/=.~:-]{8,})"
        ),
        rf"\1 {HIDDEN}",
    ),
    (re.compile(rf"(header value:? b?(?P<q>{QUOTE})).*?(?P=q)", re.DOTALL), rf"\1{HIDDEN}\g<q>"),
    # name=value, name: value, <name>value<, "name": "value" and ("name", "value")
    (
        re.compile(
            rf"(?i)({NAMES}(?:{QUOTE})?\s*(?:[=:>]|(?<=[\"']),)\s*b?(?P<q>{QUOTE}))"
            r".*?(?:(?P=q)|$)",
            re.DOTALL,
        ),
        rf"\1{HIDDEN}\g<q>",
    ),
    (
        re.compile(rf"(?i)({NAMES}(?:{QUOTE})?\s*[=:>]\s*)(?!b?{QUOTE})[^\s&'\"<>\\]+"),
        rf"\1{HIDDEN}",
    ),
    # What Amazon, Google and others begin keys and tokens with.
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{12,}|ya29\.[\w.-]+|GOOG1[A-Z0-9]{12,}"
            r"|eyJ[\w-]{8,}(?:\.[\w-]+)*|(?:IQoJ|FwoG)[\w+/=%-]{16,})"
        ),
        HIDDEN,
    ),
)
VARIABLES = re.compile(
    r"(?i)(?:secret(?:_access)?(?:_key)?|token|passw(?:or)?d|(?:account|storage)_key"
    r"|connection_string)$"
)
LIBRARIES = {"azure", "boto3", "botocore", "google", "requests", "s3transfer", "urllib3"}
_known: set[str] = set()


def remember(*values: object) -> None:
    """Have values hidden from now on; what is empty is none."""
    _known.update(str(value) for value in values if value)


def remember_address(address: object) -> None:
    """Have the password in a URL hidden, also where a library says it without the URL."""
    userinfo, at, _ = str(address or "").partition("://")[2].rpartition("@")
    if at:
        password = userinfo.partition(":")[2]
        remember(userinfo, password, unquote(password))


class RecordFilter(logging.Filter):
    """Redacts what a library logs: its errors with their tracebacks, and requests in DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place."""
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


_filter = RecordFilter()


def watch_libraries() -> None:
    """Have all redacted that the libraries of stores log; each of their modules has a logger."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] in LIBRARIES and isinstance(logger, logging.Logger):
            logger.addFilter(_filter)


def redact(text: str) -> str:
    """Return the text without secrets; what is hidden is three stars, userinfo is left out."""
    for value in sorted(find_values(), key=len, reverse=True):
        for each in {value, quote(value, safe=""), quote_plus(value), repr(value)[1:-1]}:
            text = hide(text, each)
    for form, instead in FORMS:
        text = form.sub(instead, text)
    return text


def find_values() -> set[str]:
    """Return all secrets that are known now."""
    named = (value for name, value in os.environ.items() if VARIABLES.search(name))
    return {value for value in (*_known, *named) if value.strip()}


def hide(text: str, value: str) -> str:
    """Return the text without a value, which is a word of its own if it is short."""
    if len(value) >= UNMISTAKABLE:
        return text.replace(value, HIDDEN)
    return re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
