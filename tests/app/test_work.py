"""What the model does for a browser is what it does for the command line."""

import base64
import json
import resource
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import sacv
from app.fixtures import LAYER, png, result_of
from sacv.app.masks import png_of
from sacv.concepts.decoding import read_picture
from sacv.maps.methods import Ablation
from sacv.model import gradient_kinds, suggested_layers
from sacv.synthetic.scenes import random_spec, render, write_textures
from sacv.trust import advise


@pytest.fixture(scope="module")
def scene():
    return render(random_spec(np.random.default_rng(3), object_textures=["striped"], background_textures=["plain"]))


@pytest.fixture
def photo(client, scene):
    return client.put("/api/photos/scene.png", content=png(Image.fromarray(scene.image))).json()["name"]


def asking(**changes):
    return {"tab": "t", "photos": ["scene.png"], "bank": "given", "concepts": [], "targets": ["striped"], **changes}


def received(client, name):
    """Read the body that the viewer is drawn from: its header and its arrays."""
    content = client.get(f"/api/explanations/{name}").content
    length = int.from_bytes(content[:4], "little")
    header, start, found = json.loads(content[4 : 4 + length]), 4 + length, {}
    for key, label in header["arrays"].items():
        assert start % 4 == 0
        count = int(np.prod(label["shape"]))
        values = np.frombuffer(content, np.dtype("<" + label["dtype"]), count, start)
        found[key] = values.reshape(label["shape"])
        start += -(-values.nbytes // 4) * 4
    assert start == len(content)
    return header, found


def test_the_map_is_that_of_explain(client, place, photo, demo_model, demo_bank):
    status = result_of(client, client.post("/api/explain", json=asking()).json())
    header, arrays = received(client, status["result"]["explanation"])
    want = sacv.explain(demo_model, [place.photos / photo], sacv.ConceptBank.load(demo_bank), "striped").viewer_data()
    assert header["concepts"] == ["striped"] and set(arrays) == set(want.arrays)
    np.testing.assert_array_equal(arrays["maps/0/relevance"], want.arrays["maps/0/relevance"])
    assert sacv.Explanation.load(place.explanation(status["result"]["explanation"])).concepts == ("striped",)


def test_several_targets_are_on_one_map(client, photo):
    status = result_of(client, client.post("/api/explain", json=asking(targets=["striped", "dotted"])).json())
    assert received(client, status["result"]["explanation"])[0]["targets"] == ["striped", "dotted"]


def test_a_broken_photo_fails_alone(client, place, photo):
    """One that became unreadable in the folder is left out, and the map says so."""
    (place.photos / "broken.png").write_bytes((place.photos / photo).read_bytes()[:500])
    status = result_of(client, client.post("/api/explain", json=asking(photos=["broken.png", "scene.png"])).json())
    header, _ = received(client, status["result"]["explanation"])
    assert len(header["images"]) == 1 and "broken.png" in header["warnings"][0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"photos": []}, "photos must have 1"),
        ({"photos": "scene.png"}, "list of texts"),
        ({"photos": ["../scene.png"]}, "there is no"),
        ({"targets": []}, "targets must have 1"),
        ({"bank": 3}, "bank must be a text"),
        ({"tab": ""}, "tab must be a text"),
    ],
)
def test_a_request_that_makes_no_sense_is_told_so(client, photo, changes, said):
    answer = client.post("/api/explain", json=asking(**changes))
    assert answer.status_code in (400, 404) and said in answer.json()["error"]


@pytest.mark.parametrize("changes", [{"targets": ["zebra"]}, {"bank": "../given"}, {"concepts": ["dotted"]}])
def test_work_that_cannot_be_done_says_why(client, photo, changes):
    status = result_of(client, client.post("/api/explain", json=asking(**changes)).json())
    assert status["state"] == "failed" and status["error"]


@pytest.mark.slow
def test_fifty_requests_at_once_are_answered_in_order_with_bounded_memory(client, place, photo):
    result_of(client, client.post("/api/explain", json=asking()).json())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    jobs = [client.post("/api/explain", json=asking(tab=f"t{number}")).json() for number in range(50)]
    assert jobs[-1]["before"] > 30  # so many wait at once
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda job: result_of(client, job, 120), jobs))
    assert [one["state"] for one in made] == ["done"] * 50
    assert [int(one["result"]["explanation"][:4]) for one in made] == list(range(2, 52))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # KiB
    assert len(place.explanation_names()) == 51


def test_cancelled_work_leaves_nothing_and_the_next_is_done(client, place, textures, photo):
    for name in ("striped", "dotted"):
        send_set(client, name, textures[name])
    recipe = {"tab": "t", "concept": "lines", "shown": "striped", "random": ["dotted"], "layers": [LAYER]}
    running, waiting = (client.post("/api/fit", json=recipe).json() for _ in range(2))
    for job in (waiting, running):
        client.delete(f"/api/jobs/{job['number']}")
    assert [result_of(client, job)["state"] for job in (running, waiting)] == ["cancelled", "cancelled"]
    assert not list(place.drafts.iterdir())
    assert result_of(client, client.post("/api/explain", json=asking()).json())["state"] == "done"


def mask_of(rows, columns):
    mask = np.zeros((128, 128), bool)
    mask[rows, columns] = True
    return mask


def changed(client, mask, how="concept"):
    fields = {"tab": "t", "photo": "scene.png", "how": how, "bank": "given", "layer": LAYER, "concept": "striped"}
    status = result_of(
        client, client.post("/api/what-if", json={**fields, "mask": base64.b64encode(png_of(mask)).decode()}).json()
    )
    assert status["state"] == "done", status["error"]
    return {one["name"]: (one["before"], one["after"]) for one in status["result"]["classes"]}


@pytest.mark.parametrize("cell", [(0, 0), (7, 5), (15, 12)])
def test_a_concept_taken_out_of_one_cell_is_ablation_there(client, place, photo, demo_model, demo_bank, cell):
    row, column = cell
    moved = changed(client, mask_of(slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8)))
    bank = sacv.ConceptBank.load(demo_bank)
    found = sacv.explain(demo_model, [place.photos / photo], bank, "striped", method=Ablation(), checks=False)
    before, after = moved["striped"]
    assert before - after == pytest.approx(float(found.contribution(LAYER, "striped")[0, row, column]), abs=1e-4)
    assert before == pytest.approx(found.images[0].logit, abs=1e-4)


def test_pixels_taken_out_everywhere_leave_a_plain_picture(client, place, photo, demo_model):
    picture = read_picture(place.photos / photo)
    mean = tuple(int(value) for value in np.asarray(picture).reshape(-1, 3).mean(axis=0).round())
    want = demo_model.logits(demo_model.inputs([Image.new("RGB", picture.size, mean)]))[0]
    moved = changed(client, mask_of(slice(None), slice(None)), "grey")
    for number, name in enumerate(demo_model.class_names):
        assert moved[name][1] == pytest.approx(float(want[number]), abs=1e-4)
    blurred = changed(client, mask_of(slice(None), slice(None)), "blur")
    assert blurred["striped"][1] < blurred["striped"][0]


def test_nothing_painted_is_told(client, photo):
    fields = {
        "tab": "t",
        "photo": photo,
        "how": "grey",
        "mask": base64.b64encode(png_of(mask_of(0, slice(0)))).decode(),
    }
    status = result_of(client, client.post("/api/what-if", json=fields).json())
    assert status["state"] == "failed" and "nothing is painted" in status["error"]


def send_set(client, name, folder):
    for path in sorted(folder.iterdir()):
        assert client.put(f"/api/sets/{name}/{path.name}", content=path.read_bytes()).status_code == 201


def test_a_concept_is_made_judged_and_saved(client, place, textures, demo_model, photo):
    for name in ("striped", "dotted", "plain"):
        send_set(client, name, textures[name])
    recipe = {"tab": "t", "concept": "lines", "shown": "striped", "random": ["dotted", "plain"], "layers": [LAYER]}
    status = result_of(client, client.post("/api/fit", json=recipe).json())
    assert status["result"] == {"bank": "draft: lines"} and status["done"] == status["total"] > 0
    (card,) = client.get("/api/banks/draft: lines").json()["cards"]
    assert "very well" in card["words"] and card["weak"] == []
    assert result_of(client, client.post("/api/explain", json=asking(bank="draft: lines")).json())["state"] == "done"
    assert client.post("/api/save", json={"draft": "draft: lines", "bank": "mine"}).json() == {"bank": "mine"}
    bank = sacv.ConceptBank.load(place.banks / "mine")
    bank.require(demo_model)
    assert bank.concepts == ["lines"] and place.bank_names() == ["given", "mine"]
    again = result_of(client, client.post("/api/fit", json={**recipe, "concept": "more"}).json())
    client.post("/api/save", json={"draft": again["result"]["bank"], "bank": "mine"})
    assert sacv.ConceptBank.load(place.banks / "mine").concepts == ["lines", "more"]
    only = result_of(client, client.post("/api/explain", json=asking(bank="mine", concepts=["more"])).json())
    assert received(client, only["result"]["explanation"])[0]["concepts"] == ["more"]
    result_of(client, client.post("/api/fit", json=recipe).json())
    answer = client.post("/api/save", json={"draft": "draft: lines", "bank": "mine"})
    assert answer.status_code == 400 and "already" in answer.json()["error"]


def test_a_concept_is_made_of_painted_regions(client, place):
    for seed in range(3):
        spec = random_spec(np.random.default_rng(seed), object_textures=["striped"], background_textures=["dotted"])
        scene = render(spec)
        client.put(f"/api/photos/{seed}.png", content=png(Image.fromarray(scene.image)))
        client.put(f"/api/masks/mine/{seed}.png", content=png_of(scene.mask))
    client.put("/api/photos/other.png", content=png(Image.new("RGB", (50, 40))))
    status = result_of(client, client.post("/api/fit", json={"tab": "t", "concept": "mine", "layers": [LAYER]}).json())
    assert status["state"] == "done", status["error"]
    entry = place.bank("draft: mine").sets[0]
    assert entry.regions and entry.count == 3
    (card,) = client.get("/api/banks/draft: mine").json()["cards"]
    assert "3 images" in card["weak"][0]
    answer = client.post("/api/fit", json={"tab": "t", "concept": "no/name", "layers": [LAYER]})
    assert answer.status_code == 400 and "no_name" in answer.json()["error"]


def test_examples_can_be_explained_and_fitted(client, place):
    status = result_of(client, client.post("/api/examples", json={"tab": "t"}).json())
    state = client.get("/api/state").json()
    assert status["state"] == "done" and len(state["photos"]) == status["result"]["photos"]
    assert set(state["sets"]) == set(state["classes"])


def recipe_of(client, textures, **changes):
    for name in ("striped", "dotted", "plain"):
        send_set(client, name, textures[name])
    return {"tab": "t", "concept": "lines", "shown": "striped", "random": ["dotted"], "layers": [LAYER], **changes}


def test_groups_are_found_by_the_names_of_files(client, place, textures):
    """Pictures of one texture have numbers in their names; two numbers are one patient."""
    groups = r"(\d)\."
    status = result_of(client, client.post("/api/fit", json=recipe_of(client, textures, groups=groups)).json())
    assert status["state"] == "done", status["error"]
    quality = place.bank("draft: lines").cavs[0].quality
    want = [len({path.stem[-1] for path in textures[name].iterdir()}) for name in ("striped", "dotted")]
    assert [quality.groups, quality.random_groups] == want


@pytest.mark.parametrize(
    ("groups", "said"),
    [("(", "is not a regular expression"), ("nothing", "no group is found for"), ("(a+)+!", "takes more than")],
)
def test_an_expression_that_does_not_do_is_told_of(client, textures, monkeypatch, groups, said):
    monkeypatch.setattr("sacv.app.grouping.TIMEOUT", 2.0)
    client.put(f"/api/photos/{'a' * 60}.png", content=png(Image.new("RGB", (50, 40))))
    status = result_of(client, client.post("/api/fit", json=recipe_of(client, textures, groups=groups)).json())
    assert status["state"] == "failed" and said in status["error"]


def test_pictures_that_show_nothing_make_the_mask_of_presence(client, place, textures, tmp_path):
    write_textures(tmp_path / "more", "dotted", 24, seed=9)
    send_set(client, "more", tmp_path / "more")
    status = result_of(client, client.post("/api/fit", json=recipe_of(client, textures, absent=["more"])).json())
    assert status["state"] == "done", status["error"]
    cav = place.bank("draft: lines").cavs[0]
    assert cav.presence.offered == 24 and cav.presence.kind == "given"


def test_a_bank_says_which_layer_to_take(client, place, textures, demo_model):
    layers = ["blocks.1", LAYER]
    status = result_of(client, client.post("/api/fit", json=recipe_of(client, textures, layers=layers)).json())
    assert status["state"] == "done", status["error"]
    found = advise(demo_model, place.bank("draft: lines"))
    answer = client.get("/api/banks/draft: lines").json()
    assert answer["place"] == found[0].layer
    assert answer["contribution"] == min(found, key=lambda one: one.contribution_rank).layer
    assert all(name in answer["advice"] for name in (answer["place"], answer["contribution"]))
    offered = client.get("/api/state").json()["layers"]
    chosen = [one["name"] for one in offered if one["first"]]
    worth = [one["name"] for one in offered if one["worth"]]
    assert chosen == worth[-2:] and set(worth) <= suggested_layers(
        list(demo_model.survey(demo_model.example()).values()),
        gradient_kinds(demo_model, demo_model.example(), [one["name"] for one in offered]),
    )


def test_a_concept_takes_the_place_of_one_of_its_name_where_it_is_told_to(client, place, textures):
    recipe = recipe_of(client, textures)
    for concept in ("lines", "others"):
        result_of(client, client.post("/api/fit", json={**recipe, "concept": concept}).json())
        client.post("/api/save", json={"draft": f"draft: {concept}", "bank": "mine"})
    result_of(client, client.post("/api/fit", json={**recipe, "shown": "plain"}).json())
    saving = {"draft": "draft: lines", "bank": "mine"}
    assert client.post("/api/save", json=saving).status_code == 400
    assert place.bank("mine").concepts == ["lines", "others"]
    assert client.post("/api/save", json={**saving, "instead": True}).status_code == 200
    assert set(place.bank("mine").concepts) == {"lines", "others"} and "draft: lines" not in place.bank_names()


def test_what_the_network_says_of_photos(client, place, photo, demo_model):
    (place.photos / "broken.png").write_bytes(b"nothing")
    asking = {"tab": "t", "photos": [photo, "broken.png"]}
    assert client.get("/api/state").json()["said"] == {}
    assert result_of(client, client.post("/api/predictions", json=asking).json())["state"] == "done"
    said = client.get("/api/state").json()["said"]
    chances = demo_model.logits(demo_model.inputs([read_picture(place.photos / photo)]))[0].softmax(0)
    assert list(said) == [photo] and len(said[photo]) == min(5, len(chances))
    for name, chance in said[photo]:
        assert chance == pytest.approx(float(chances[list(demo_model.class_names).index(name)]), abs=1e-5)
    assert [chance for _, chance in said[photo]] == sorted((chance for _, chance in said[photo]), reverse=True)
    Image.new("RGB", (50, 40)).save(place.photos / photo)
    assert client.get("/api/state").json()["said"] == {}
