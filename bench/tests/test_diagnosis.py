"""Laws of a diagnosis, on small made clinics; `benchmarks/clinic.py` prints them at full size."""

import numpy as np
import pytest

from sacv_bench.clinic import Clinic
from sacv_bench.diagnosis import confounded, image_p_values, random_labels, uniformity, vignetted


def test_folds_by_patient_do_not_validate_what_folds_by_picture_do(tmp_path):
    areas = random_labels(tmp_path, Clinic(16, 4), 10)
    assert np.mean(areas[None]) > 0.9
    by_patient = areas["patient"]
    assert abs(np.mean(by_patient) - 0.5) < 2 * np.std(by_patient, ddof=1) / np.sqrt(len(by_patient))


def test_a_matched_direction_stays_where_an_unmatched_one_leans_to_the_diagnosis(tmp_path):
    world = confounded(tmp_path, 64)
    apart, leaning, held = world.cosine(0, match=False), world.cosine(0.7, match=False), world.cosine(0.7, match=True)
    assert held > apart - 0.05
    assert leaning < held - 0.02


def test_a_vignette_is_named_and_is_harmless_within_masks(tmp_path):
    found = vignetted(tmp_path, 30)
    clear, dark, within = (found[name] for name in ("no vignette", "vignette", "vignette, within masks"))
    assert clear.trivial[0] and within.trivial[0]
    assert dark.trivial[0] is False and "brightness alone separates concept and random images" in dark.trivial[1]
    assert "a vignette or a frame" in dark.trivial[1] and "--within" in dark.trivial[1]
    assert within.cosine > clear.cosine - 0.02 and within.auroc > clear.auroc - 0.02
    assert within.cosine > dark.cosine


def test_p_values_of_pictures_without_the_concept_are_uniform():
    p_values = image_p_values(60, 60)
    assert uniformity(p_values, 60)[1] > 0.01
    assert len(p_values) == 60 and p_values.min() >= 1 / 61


@pytest.mark.parametrize(("power", "likely"), [(1, True), (2, False), (0.5, False)])
def test_uniformity_is_of_ranks_among_others(power, likely):
    rng = np.random.default_rng(0)
    ranks = (1 + np.floor(rng.random(500) ** power * 201)) / 201
    assert (uniformity(ranks, 200)[1] > 0.01) is likely
