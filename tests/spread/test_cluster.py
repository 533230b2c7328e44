"""A cluster of four nodes, simulated on this machine, gives the local bank, also when a node goes."""

import os
from pathlib import Path

import pytest

import sacv
from cav.planted import noise, planted_model
from sacv.engine import RayEngine
from sacv.errors import EngineError

ray = pytest.importorskip("ray", reason="install it with: pip install 'sacv[ray]'")
pytestmark = pytest.mark.filterwarnings("ignore")

MODEL = planted_model(3)
GIVEN = (["layer"], {"c": noise(20, 3, 3, 0, mean=1)}, noise(40, 3, 3, 1))


@pytest.fixture
def cluster(monkeypatch):
    from ray.cluster_utils import Cluster

    monkeypatch.setattr("sacv.engine.shards.LEAST_IMAGES", 4)
    ray.shutdown()
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(sacv.__file__).parents[1])])
    monkeypatch.setenv("PYTHONPATH", path)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(3):
        made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


def content(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_four_nodes_give_the_local_bank_also_when_one_goes(cluster, tmp_path):
    options = {"batch_size": 2, "nulls": 19}
    sacv.fit(MODEL, *GIVEN, **options).save(tmp_path / "local")
    node = [node for node in cluster.list_all_nodes() if not node.head][-1]

    def remove(done, total):
        if 8 < done < 20 and node in cluster.list_all_nodes():
            cluster.remove_node(node, allow_graceful=False)

    engine = RayEngine(cluster.address, workers=4)  # no node is left for the worker whose node goes
    sacv.fit(MODEL, *GIVEN, **options, engine=engine).save(tmp_path / "four")
    assert content(tmp_path / "four") == content(tmp_path / "local")
    sacv.fit(MODEL, *GIVEN, **options, engine=engine, progress=remove).save(tmp_path / "three")
    assert content(tmp_path / "three") == content(tmp_path / "local")
    assert node not in cluster.list_all_nodes()


def test_no_cluster_is_one_error():
    ray.shutdown()
    with pytest.raises(EngineError, match=r"there is no Ray cluster at 127\.0\.0\.1:1 "):
        sacv.fit(MODEL, *GIVEN, engine=RayEngine("127.0.0.1:1"))
