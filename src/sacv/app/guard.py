"""Access: only requests from the app's own page on this machine, or with its token, are served.

Requests under the host name of another site are refused by their Host header, and pages of other sites by Origin and
Sec-Fetch-Site. If other machines can reach the app, every request needs the token, as a bearer or as a cookie that the
address printed at the start sets.
"""

from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
COOKIE = "sacv_token"
LOCAL = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached only from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Middleware that refuses foreign requests, and sets the headers of all responses.

    The app listens on `host`; `token` is that of every request, None on loopback.
    """

    def __init__(self, app: ASGIApp, host: str, token: str | None) -> None:
        self.app, self.host, self.token = app, host, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        refused = self.refused(scope)
        await (self.app if refused is None else refused)(scope, receive, answer)

    def refused(self, scope: Scope) -> Response | None:
        """Return the response that refuses a request, or None if it is served."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self.is_own(host):
            return PlainTextResponse("this is not the address of the app", 421)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        opening = scope["method"] == "GET" and scope["path"] == "/"
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign or (site not in ("none", "same-origin") and not opening):
            return PlainTextResponse("the app serves its own page only", 403)
        return self.unauthorized(scope, headers, opening)

    def is_own(self, host: str) -> bool:
        """Whether a Host header names this app."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in LOCAL or name == self.host.lower():
            return True
        if is_loopback(self.host):
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # a host name of another site is not an address

    def unauthorized(self, scope: Scope, headers: Headers, opening: bool) -> Response | None:
        """Return the response to a request without the token, or None."""
        if self.token is None:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if opening and self._fits(given):
            response = RedirectResponse("/", 303)
            response.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return response
        shown = Request(scope).cookies.get(COOKIE, "") or headers.get("authorization", "").removeprefix("Bearer ")
        if self._fits(shown):
            return None
        return PlainTextResponse("open the address with its token, as 'sacv app' printed it", 401)

    def _fits(self, shown: str) -> bool:
        return self.token is not None and secrets.compare_digest(shown.encode(), self.token.encode())
