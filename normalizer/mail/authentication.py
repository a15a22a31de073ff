"""Authentication-Results (RFC 8601): what relays say of SPF, DKIM and DMARC. Called by the pipeline.

Who said it is kept with it: a result counts only if the router knows the server as its own. The plain form is read
directly, which costs a fiftieth; anything with comments or quotes goes through authres.
"""

import re

import authres

from domain.message import AuthenticationResult
from normalizer.mail import caps
from normalizer.mail.headers import Headers, to_text

_PLAIN = re.compile(r"[A-Za-z0-9.=@;:/_+\- \t]*\Z")
_RESULT = re.compile(r"\s*(spf|dkim|dmarc)\s*=\s*([a-z]+)(?=\s|\Z)", re.IGNORECASE)
_ORDER = ("pass", "fail", "softfail", "permerror", "temperror", "policy", "neutral", "none")


def read(headers: Headers) -> tuple[AuthenticationResult, ...]:
    """One value for each field, the topmost first; a field that nobody can read is left out."""
    found = []
    for value in headers.all("authentication-results")[: caps.AUTHENTICATION_HEADERS]:
        text = to_text(value[:4096])
        result = _plain(text) if _PLAIN.match(text) else _by_library(text)
        if result is not None:
            found.append(result)
    return tuple(found)


def _plain(text: str) -> AuthenticationResult | None:
    """``server; spf=pass smtp.mailfrom=...; dmarc=pass``, without comments and quotes."""
    server, *clauses = text.split(";")
    words = server.split()
    if not words or "=" in words[0]:
        return None
    pairs = [(match[1].lower(), match[2].lower()) for clause in clauses if (match := _RESULT.match(clause))]
    return _result(words[0], pairs)


def _by_library(text: str) -> AuthenticationResult | None:
    try:
        parsed = authres.AuthenticationResultsHeader.parse("Authentication-Results: " + text)
        pairs = [(str(one.method).lower(), str(one.result).lower()) for one in parsed.results]
        return _result(str(parsed.authserv_id), pairs)
    except Exception:  # authres raises its own errors and others on what is not a result
        return None


def _result(server: str, pairs: list[tuple[str, str]]) -> AuthenticationResult:
    """Several signatures: one that passes is enough (RFC 6376, 4.2); otherwise the worst is told."""
    best: dict[str, str] = {}
    for method, result in pairs:
        known = best.get(method)
        if known is None or (known != "pass" and (result == "pass" or _rank(result) < _rank(known))):
            best[method] = result
    return AuthenticationResult(
        authserv_id=server.lower()[:255],
        spf=best.get("spf", ""),
        dkim=best.get("dkim", ""),
        dmarc=best.get("dmarc", ""),
    )


def _rank(result: str) -> int:
    return _ORDER.index(result) if result in _ORDER else len(_ORDER)
