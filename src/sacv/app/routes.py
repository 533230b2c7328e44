"""The routes of the app: images, sets, masks and banks of the folder, and jobs for the model.

Everything but images is JSON. Files are read and written in threads, a few at a time; work for the model waits in the
queue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sacv.app import request_fields
from sacv.app.cards import cards
from sacv.app.examples import add_examples
from sacv.app.explaining import explain_photos
from sacv.app.fitting import Recipe, fit_concept, save_draft
from sacv.app.http_errors import Missing, Refusal
from sacv.app.jobs import Jobs
from sacv.app.layers import Layers
from sacv.app.masks import png_of, read_mask
from sacv.app.names import within
from sacv.app.predicting import Predictions
from sacv.app.serialization import packed
from sacv.app.uploads import received, taken
from sacv.app.what_if import what_if
from sacv.app.workspace import Workplace, listed, rendition
from sacv.concepts.decoding import read_picture
from sacv.errors import SacvError
from sacv.maps import open_saved
from sacv.model import VisionModel

THREADS = 2
"""Number of images decoded at a time."""
SIDES = (160, 2400)
"""Shortest and longest side of an image for the browser."""
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}

T = TypeVar("T")


class Routes:
    """The request handlers of the app."""

    def __init__(self, model: VisionModel, workspace: Workplace, jobs: Jobs) -> None:
        self.model, self.workspace, self.jobs = model, workspace, jobs
        self.layers = Layers(model)
        self.predictions = Predictions(workspace.photos)
        self.threads = CapacityLimiter(THREADS)
        self.writing = Lock()
        self.banks: dict[tuple[str, int, int], dict[str, Any]] = {}

    def listed(self) -> list[Route]:
        """Return all routes."""
        pairs: Mapping[str, Mapping[str, Callable[[Request], Any]]] = {
            "/": {"GET": partial(self.static, "index.html")},
            "/viewer/{name}": {"GET": self.viewer},
            "/static/{name}": {"GET": self.asset},
            "/api/state": {"GET": self.state},
            "/api/photos/{name}": {"GET": self.photo, "PUT": self.put_photo, "DELETE": self.delete_photo},
            "/api/sets/{set}": {"DELETE": self.delete_set},
            "/api/sets/{set}/{name}": {"GET": self.set_picture, "PUT": self.put_set_picture},
            "/api/masks/{concept}": {"GET": self.coco},
            "/api/masks/{concept}/{name}": {"GET": self.mask, "PUT": self.put_mask},
            "/api/banks/{name}": {"GET": self.bank},
            "/api/explanations/{name}": {"GET": self.explanation},
            "/api/jobs": {"GET": self.tab_jobs},
            "/api/jobs/{number}": {"GET": self.job, "DELETE": self.cancel},
            "/api/predictions": {"POST": self.predict},
            "/api/explain": {"POST": self.explain},
            "/api/fit": {"POST": self.fit},
            "/api/save": {"POST": self.save},
            "/api/what-if": {"POST": self.what_if},
            "/api/examples": {"POST": self.examples},
        }
        return [
            Route(path, endpoint, methods=[method])
            for path, by_method in pairs.items()
            for method, endpoint in by_method.items()
        ]

    async def threaded(self, work: Callable[..., T], *given: Any) -> T:
        """Run work with files in a thread."""
        return await to_thread.run_sync(partial(work, *given), limiter=self.threads)

    async def written(self, work: Callable[..., T], *given: Any) -> T:
        """Change files in a thread, one change at a time."""

        def change() -> T:
            with self.writing:
                return work(*given)

        return await self.threaded(change)

    async def static(self, name: str, request: Request, room: str = "app/static") -> Response:
        """Return a file of the page."""
        folder = files("sacv") / room
        if name not in {entry.name for entry in folder.iterdir() if Path(entry.name).suffix in TYPES}:
            raise Missing(f"there is no {name!r}")
        kind = TYPES[Path(name).suffix]
        return Response((folder / name).read_bytes(), media_type=f"{kind}; charset=utf-8")

    async def asset(self, request: Request) -> Response:
        """Return a script or a style of the page."""
        return await self.static(request.path_params["name"], request)

    async def viewer(self, request: Request) -> Response:
        """Return a module of `<sacv-viewer>`."""
        return await self.static(request.path_params["name"], request, "viewer/js")

    async def state(self, request: Request) -> Response:
        """Return the state of the app."""
        return JSONResponse(await self.threaded(self.all_state))

    def all_state(self) -> dict[str, Any]:
        """Return the state of the app as JSON data."""
        names, photos = self.model.class_names, listed(self.workspace.photos)
        return {
            "folder": str(self.workspace.folder),
            "model": str(self.model.spec or type(self.model.net).__name__),
            "classes": [] if names is None else [str(name) for name in names],
            "layers": self.layers.offered(),
            "photos": photos,
            "said": self.predictions.of(photos),
            "sets": {name: listed(self.workspace.sets / name) for name in listed(self.workspace.sets)},
            "painted": {name: self.workspace.painted(name).photos() for name in self.workspace.concepts()},
            "banks": [self.bank_state(name) for name in self.workspace.bank_names()],
            "explanations": self.workspace.explanation_names(),
        }

    def bank_state(self, name: str) -> dict[str, Any]:
        """Return the layers, concepts and advice of a bank, or its problem; a bank is read once after each write."""
        state: dict[str, Any] = {"name": name, "concepts": [], "layers": [], "problem": "", "advice": ""}
        try:
            written = self.workspace.bank_folder(name).stat()
            key = name, written.st_ino, written.st_mtime_ns
            if key not in self.banks:
                bank = self.workspace.bank(name)
                bank.require(self.model)
                self.banks[key] = {
                    **state,
                    "concepts": bank.concepts,
                    "layers": list(bank.layers),
                    **self.layers.advice(bank),
                }
            return self.banks[key]
        except (SacvError, OSError) as error:
            return {**state, "problem": str(error)}

    async def photo(self, request: Request) -> Response:
        """Return a photo, as JPEG."""
        return await self.rendered(request, self.workspace.photo(request.path_params["name"]))

    async def set_picture(self, request: Request) -> Response:
        """Return an image of a set, as JPEG."""
        folder = self.workspace.named_set(request.path_params["set"])
        return await self.rendered(request, within(folder, request.path_params["name"]))

    async def rendered(self, request: Request, path: Path) -> Response:
        """Return an image as JPEG, of the size requested."""
        side = min(max(request_fields.number(request.query_params.get("side", ""), SIDES[1]), SIDES[0]), SIDES[1])
        return Response(await self.threaded(rendition, path, side), media_type="image/jpeg")

    async def put_photo(self, request: Request) -> Response:
        """Store a photo."""
        return await self.put(request, self.workspace.photos)

    async def put_set_picture(self, request: Request) -> Response:
        """Store an image of a set."""
        return await self.put(request, await self.written(self.workspace.new_set, request.path_params["set"]))

    async def put(self, request: Request, folder: Path) -> Response:
        """Store an image in a folder."""
        limits = self.workspace.limits
        announced = request.headers.get("content-length")
        name = request.path_params["name"]
        coming = await received(request.stream(), announced, limits.file_bytes, folder, name)
        path = await self.written(taken, coming, folder, name, limits)
        return JSONResponse({"name": path.name, "folder": folder.name}, 201)

    async def delete_photo(self, request: Request) -> Response:
        """Delete a photo; its masks stay."""
        await self.written(self.workspace.photo(request.path_params["name"]).unlink)
        return JSONResponse({})

    async def delete_set(self, request: Request) -> Response:
        """Delete a set."""
        await self.written(self.workspace.delete_set, request.path_params["set"])
        return JSONResponse({})

    async def mask(self, request: Request) -> Response:
        """Return the mask of a photo, as PNG."""

        def drawn() -> bytes:
            path = self.workspace.photo(request.path_params["name"])
            painted = self.workspace.painted(request.path_params["concept"])
            return png_of(painted.mask(path.name, read_picture(path).size))

        return Response(await self.threaded(drawn), media_type="image/png")

    async def put_mask(self, request: Request) -> Response:
        """Store the mask of a photo; an empty one removes it."""
        content = await request_fields.body(request, self.workspace.limits.text_bytes)

        def put() -> None:
            path = self.workspace.photo(request.path_params["name"])
            mask = read_mask(content, read_picture(path).size)
            self.workspace.new_painted(request.path_params["concept"]).put(path.name, mask)

        await self.written(put)
        return JSONResponse({}, 201)

    async def coco(self, request: Request) -> Response:
        """Return all masks of a concept as a COCO file."""
        concept = request.path_params["concept"]
        path = self.workspace.painted(concept).path
        if not path.exists():
            raise Missing(f"{concept!r} is painted on no photo")
        named = f"attachment; filename*=UTF-8''{quote(path.name)}"
        return Response(path.read_bytes(), media_type="application/json", headers={"content-disposition": named})

    async def bank(self, request: Request) -> Response:
        """Return the cards of a bank."""
        bank = await self.threaded(self.workspace.bank, request.path_params["name"])
        bank.require(self.model)
        return JSONResponse({"cards": cards(bank), **self.layers.advice(bank)})

    async def explanation(self, request: Request) -> Response:
        """Return an explanation for the viewer."""
        folder = self.workspace.explanation(request.path_params["name"])
        data = await self.threaded(lambda: open_saved(folder).viewer_data())
        return StreamingResponse(packed(data), media_type="application/octet-stream")

    async def tab_jobs(self, request: Request) -> Response:
        """Return the status of all jobs of a tab."""
        return JSONResponse({"jobs": self.jobs.of_tab(request.query_params.get("tab", ""))})

    async def job(self, request: Request) -> Response:
        """Return the status of a job."""
        return JSONResponse(self.jobs.status(request.path_params["number"]))

    async def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        return JSONResponse(self.jobs.cancel(request.path_params["number"]))

    async def explain(self, request: Request) -> Response:
        """Start an explanation."""
        given = await self.given(request)
        photos = [
            self.workspace.photo(name) for name in given.texts("photos", least=1, most=self.workspace.limits.files)
        ]
        targets = given.texts("targets", least=1, most=5)
        bank, concepts = given.text("bank"), given.texts("concepts", most=200)
        title = f"the map of {len(photos)} photo{'s' * (len(photos) != 1)}"
        work = partial(explain_photos, self.model, self.workspace, bank, concepts, photos, targets)
        return self.added(given, title, work)

    async def predict(self, request: Request) -> Response:
        """Start the predictions for photos."""
        given = await self.given(request)
        photos = [
            self.workspace.photo(name) for name in given.texts("photos", least=1, most=self.workspace.limits.files)
        ]
        work = partial(self.predictions.find, self.model, photos)
        return self.added(given, f"predictions for {len(photos)} photo{'s' * (len(photos) != 1)}", work)

    async def fit(self, request: Request) -> Response:
        """Start a fit."""
        given = await self.given(request)
        recipe = Recipe(
            given.text("concept"),
            given.text("shown") if given.fields.get("shown") else None,
            given.texts("random", most=20),
            given.texts("context", most=20),
            given.texts("absent", most=20),
            given.texts("layers", least=1, most=20),
            given.text("groups") if given.fields.get("groups") else None,
        )
        self.workspace.draft(recipe.concept)
        work = partial(fit_concept, self.model, self.workspace, recipe)
        return self.added(given, f"the fit of {recipe.concept}", work)

    async def save(self, request: Request) -> Response:
        """Save a draft to a bank."""
        given = await self.given(request)
        save = partial(save_draft, instead=given.fields.get("instead") is True)
        return JSONResponse(await self.written(save, self.workspace, given.text("draft"), given.text("bank")))

    async def what_if(self, request: Request) -> Response:
        """Start the removal of a concept, or of pixels, from a region."""
        given = await self.given(request)
        photo, mask, how = self.workspace.photo(given.text("photo")), given.blob("mask"), given.text("how")
        at = [given.text(name) if how == "concept" else "" for name in ("bank", "layer", "concept")]
        work = partial(what_if, self.model, self.workspace, photo, mask, how, *at)
        return self.added(given, f"what if, on {photo.name}", lambda progress: work())

    async def examples(self, request: Request) -> Response:
        """Start a job that creates example images."""
        given = await self.given(request)
        return self.added(given, "example images", partial(add_examples, self.workspace))

    async def given(self, request: Request) -> request_fields.RequestFields:
        """Read the fields of a request."""
        return request_fields.RequestFields.read(await request_fields.body(request, self.workspace.limits.text_bytes))

    def added(self, given: request_fields.RequestFields, title: str, work: Callable[..., dict[str, Any]]) -> Response:
        """Add work to the queue."""
        return JSONResponse(self.jobs.add(given.text("tab"), title, work), 202)


async def left(request: Request, error: Exception) -> Response:
    """Answer a client that disconnected while it was sending."""
    return Response(status_code=400)


async def user_error(request: Request, error: Exception) -> Response:
    """Return an error that the user can fix, in one line."""
    text = " ".join(str(error).split())
    return JSONResponse({"error": text}, error.status if isinstance(error, Refusal) else 400)
