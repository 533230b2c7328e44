"""The addresses of the app: images, sets, masks and banks of the folder, and work for the model.

Everything but images travels as JSON. What reads or writes files runs in threads, a few at a time; what needs the
model waits in the queue.
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
"""Pictures that are decoded at a time."""
SIDES = (160, 2400)
"""Least and greatest side of an image for the browser."""
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}

T = TypeVar("T")


class Routes:
    """What the app answers.

    Parameters
    ----------
    model, place, jobs
        What is explained, the folder, and the queue.
    """

    def __init__(self, model: VisionModel, place: Workplace, jobs: Jobs) -> None:
        self.model, self.place, self.jobs = model, place, jobs
        self.layers = Layers(model)
        self.predictions = Predictions(place.photos)
        self.threads = CapacityLimiter(THREADS)
        self.writing = Lock()
        self.banks: dict[tuple[str, int, int], dict[str, Any]] = {}

    def listed(self) -> list[Route]:
        """Return all addresses."""
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
        """Do something with files in a thread."""
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
        names, photos = self.model.class_names, listed(self.place.photos)
        return {
            "folder": str(self.place.folder),
            "model": str(self.model.spec or type(self.model.net).__name__),
            "classes": [] if names is None else [str(name) for name in names],
            "layers": self.layers.offered(),
            "photos": photos,
            "said": self.predictions.of(photos),
            "sets": {name: listed(self.place.sets / name) for name in listed(self.place.sets)},
            "painted": {name: self.place.painted(name).photos() for name in self.place.concepts()},
            "banks": [self.bank_state(name) for name in self.place.bank_names()],
            "explanations": self.place.explanation_names(),
        }

    def bank_state(self, name: str) -> dict[str, Any]:
        """Return the layers, concepts and advice of a bank, or its problem; a bank is read once after each write."""
        told: dict[str, Any] = {"name": name, "concepts": [], "layers": [], "problem": "", "advice": ""}
        try:
            written = self.place.bank_folder(name).stat()
            key = name, written.st_ino, written.st_mtime_ns
            if key not in self.banks:
                bank = self.place.bank(name)
                bank.require(self.model)
                self.banks[key] = {
                    **told,
                    "concepts": bank.concepts,
                    "layers": list(bank.layers),
                    **self.layers.advice(bank),
                }
            return self.banks[key]
        except (SacvError, OSError) as error:
            return {**told, "problem": str(error)}

    async def photo(self, request: Request) -> Response:
        """Return a photo, as JPEG."""
        return await self.rendered(request, self.place.photo(request.path_params["name"]))

    async def set_picture(self, request: Request) -> Response:
        """Return an image of a set, as JPEG."""
        folder = self.place.named_set(request.path_params["set"])
        return await self.rendered(request, within(folder, request.path_params["name"]))

    async def rendered(self, request: Request, path: Path) -> Response:
        """Return an image as JPEG, of the size requested."""
        side = min(max(request_fields.number(request.query_params.get("side", ""), SIDES[1]), SIDES[0]), SIDES[1])
        return Response(await self.threaded(rendition, path, side), media_type="image/jpeg")

    async def put_photo(self, request: Request) -> Response:
        """Take a photo."""
        return await self.put(request, self.place.photos)

    async def put_set_picture(self, request: Request) -> Response:
        """Take an image of a set."""
        return await self.put(request, await self.written(self.place.new_set, request.path_params["set"]))

    async def put(self, request: Request, folder: Path) -> Response:
        """Take an image into a folder."""
        limits = self.place.limits
        announced = request.headers.get("content-length")
        name = request.path_params["name"]
        coming = await received(request.stream(), announced, limits.file_bytes, folder, name)
        path = await self.written(taken, coming, folder, name, limits)
        return JSONResponse({"name": path.name, "folder": folder.name}, 201)

    async def delete_photo(self, request: Request) -> Response:
        """Remove a photo; masks of it stay."""
        await self.written(self.place.photo(request.path_params["name"]).unlink)
        return JSONResponse({})

    async def delete_set(self, request: Request) -> Response:
        """Remove a set."""
        await self.written(self.place.delete_set, request.path_params["set"])
        return JSONResponse({})

    async def mask(self, request: Request) -> Response:
        """Return the mask of a photo, as PNG."""

        def drawn() -> bytes:
            path = self.place.photo(request.path_params["name"])
            painted = self.place.painted(request.path_params["concept"])
            return png_of(painted.mask(path.name, read_picture(path).size))

        return Response(await self.threaded(drawn), media_type="image/png")

    async def put_mask(self, request: Request) -> Response:
        """Take the mask of a photo; an empty one removes it."""
        content = await request_fields.body(request, self.place.limits.text_bytes)

        def put() -> None:
            path = self.place.photo(request.path_params["name"])
            mask = read_mask(content, read_picture(path).size)
            self.place.new_painted(request.path_params["concept"]).put(path.name, mask)

        await self.written(put)
        return JSONResponse({}, 201)

    async def coco(self, request: Request) -> Response:
        """Return all masks of a concept as a COCO file."""
        concept = request.path_params["concept"]
        path = self.place.painted(concept).path
        if not path.exists():
            raise Missing(f"nothing is painted of {concept!r}")
        named = f"attachment; filename*=UTF-8''{quote(path.name)}"
        return Response(path.read_bytes(), media_type="application/json", headers={"content-disposition": named})

    async def bank(self, request: Request) -> Response:
        """Return the cards of a bank."""
        bank = await self.threaded(self.place.bank, request.path_params["name"])
        bank.require(self.model)
        return JSONResponse({"cards": cards(bank), **self.layers.advice(bank)})

    async def explanation(self, request: Request) -> Response:
        """Return an explanation for the viewer."""
        folder = self.place.explanation(request.path_params["name"])
        data = await self.threaded(lambda: open_saved(folder).viewer_data())
        return StreamingResponse(packed(data), media_type="application/octet-stream")

    async def tab_jobs(self, request: Request) -> Response:
        """Return the status of all jobs of a tab."""
        return JSONResponse({"jobs": self.jobs.of_tab(request.query_params.get("tab", ""))})

    async def job(self, request: Request) -> Response:
        """Return the status of a job."""
        return JSONResponse(self.jobs.status(request.path_params["number"]))

    async def cancel(self, request: Request) -> Response:
        """Drop or stop a piece of work."""
        return JSONResponse(self.jobs.cancel(request.path_params["number"]))

    async def explain(self, request: Request) -> Response:
        """Take on an explanation."""
        given = await self.given(request)
        photos = [self.place.photo(name) for name in given.texts("photos", least=1, most=self.place.limits.files)]
        targets = given.texts("targets", least=1, most=5)
        bank, concepts = given.text("bank"), given.texts("concepts", most=200)
        title = f"the map of {len(photos)} photo{'s' * (len(photos) != 1)}"
        work = partial(explain_photos, self.model, self.place, bank, concepts, photos, targets)
        return self.added(given, title, work)

    async def predict(self, request: Request) -> Response:
        """Take on the classes of photos."""
        given = await self.given(request)
        photos = [self.place.photo(name) for name in given.texts("photos", least=1, most=self.place.limits.files)]
        work = partial(self.predictions.find, self.model, photos)
        return self.added(given, f"predictions for {len(photos)} photo{'s' * (len(photos) != 1)}", work)

    async def fit(self, request: Request) -> Response:
        """Take on a fit."""
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
        self.place.draft(recipe.concept)
        work = partial(fit_concept, self.model, self.place, recipe)
        return self.added(given, f"the fit of {recipe.concept}", work)

    async def save(self, request: Request) -> Response:
        """Save a draft to a bank."""
        given = await self.given(request)
        save = partial(save_draft, instead=given.fields.get("instead") is True)
        return JSONResponse(await self.written(save, self.place, given.text("draft"), given.text("bank")))

    async def what_if(self, request: Request) -> Response:
        """Take on a question of what would be."""
        given = await self.given(request)
        photo, mask, how = self.place.photo(given.text("photo")), given.blob("mask"), given.text("how")
        at = [given.text(name) if how == "concept" else "" for name in ("bank", "layer", "concept")]
        asking = partial(what_if, self.model, self.place, photo, mask, how, *at)
        return self.added(given, f"what if, on {photo.name}", lambda progress: asking())

    async def examples(self, request: Request) -> Response:
        """Start a job that creates example images."""
        given = await self.given(request)
        return self.added(given, "example images", partial(add_examples, self.place))

    async def given(self, request: Request) -> request_fields.Asked:
        """Read the fields of a request."""
        return request_fields.Asked.read(await request_fields.body(request, self.place.limits.text_bytes))

    def added(self, given: request_fields.Asked, title: str, work: Callable[..., dict[str, Any]]) -> Response:
        """Put work into the queue."""
        return JSONResponse(self.jobs.add(given.text("tab"), title, work), 202)


async def left(request: Request, error: Exception) -> Response:
    """Answer a client that went away while it was sending, which no one reads."""
    return Response(status_code=400)


async def user_error(request: Request, error: Exception) -> Response:
    """Return an error that the user can fix, in one line."""
    text = " ".join(str(error).split())
    return JSONResponse({"error": text}, error.status if isinstance(error, Refusal) else 400)
