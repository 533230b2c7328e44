"""The application, and the server that runs it on this machine."""

from __future__ import annotations

import secrets
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from socket import AF_INET, AF_INET6, create_server, socket

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from sacv.app.guard import Guard, is_loopback
from sacv.app.jobs import Jobs
from sacv.app.routes import Routes, left, user_error
from sacv.app.workspace import Workplace
from sacv.errors import OptionError, SacvError
from sacv.model import VisionModel

CONNECTIONS = 200
"""Maximum number of concurrent requests; others get an error."""


def application(model: VisionModel, workspace: Workplace, host: str, token: str | None) -> Starlette:
    """Return the app as an ASGI application.

    Requests cannot name another network. The app listens on `host`; `token` is that of every request, None on loopback.
    """
    jobs = Jobs(workspace.limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        jobs.start()
        yield
        jobs.close()

    return Starlette(
        routes=Routes(model, workspace, jobs).listed(),
        middleware=[Middleware(Guard, host=host, token=token)],
        exception_handlers={SacvError: user_error, ClientDisconnect: left},
        lifespan=lifespan,
    )


class _Server(uvicorn.Server):
    """A server that calls `listening` when it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self.listening = listening

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening()


def serve(
    model: VisionModel, workspace: Workplace, host: str, port: int, *, browser: bool, say: Callable[[str], None]
) -> None:
    """Serve until interrupted.

    With port 0 the system chooses one; `browser` opens the page in the browser; `say` prints messages to the user.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    config = uvicorn.Config(
        application(model, workspace, host, token), host, port, log_level="warning", limit_concurrency=CONNECTIONS,
        server_header=False, access_log=False,
    )  # fmt: skip
    try:
        opened = create_server((host, port), family=AF_INET6 if ":" in host else AF_INET)
    except OSError as error:
        raise OptionError(
            f"cannot listen at {host}, port {port} ({error.strerror}); name another with --port or --host"
        ) from error
    named = f"[{host}]" if ":" in host else host
    address = f"http://{named}:{opened.getsockname()[1]}/" + ("" if token is None else f"?token={token}")

    def listening() -> None:
        if token is not None:
            say(f"Other machines can reach the app at {host}, over a connection that is not encrypted.")
        say(f"The app runs at {address}")
        say(f"Results are stored in {workspace.folder}. Stop with Ctrl+C.")
        if browser:
            webbrowser.open(address)

    with suppress(KeyboardInterrupt):  # uvicorn raises it anew once it has stopped
        _Server(config, listening).run(sockets=[opened])
