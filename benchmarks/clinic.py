"""What must hold of a diagnosis, on the made clinic, at full size (`sacv_bench.diagnosis`).

    python benchmarks/clinic.py

Prints held-out AUROCs of labels that say nothing, with folds by picture and by patient; the cosine of found directions
with the planted one as concept and diagnosis go together more, matched and not; what a vignette does, and what the
audit says of it; and how uniform the p-values of pictures without the concept are.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sacv_bench.clinic import Clinic
from sacv_bench.diagnosis import confounded, image_p_values, random_labels, uniformity, vignetted


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="deals of labels")
    parser.add_argument("--lesions", type=int, default=200, help="of the confounded clinic; each is painted four times")
    parser.add_argument("--draws", type=int, default=3, help="of the confounded clinic")
    parser.add_argument("--pictures", type=int, default=500, help="without the concept, new, and as many known")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        for group, areas in random_labels(Path(folder) / "dealt", Clinic(24, 6), asked.trials).items():
            error = np.std(areas, ddof=1) / np.sqrt(len(areas))
            print(
                f"random labels of patients, folds by {group or 'image'}: AUROC {np.mean(areas):.3f}, standard error "
                f"{error:.3f}, least {min(areas):.3f}",
                flush=True,
            )
        for name, found in vignetted(Path(folder) / "vignette", 60).items():
            passed, reason = found.trivial
            print(f"{name}: cosine {found.cosine:.3f}, AUROC of new images {found.auroc:.3f}; audit {passed}: {reason}")
        world = confounded(Path(folder) / "confounded", asked.lesions)
        for confounding in (0.0, 0.5, 0.8, 0.9):
            told = []
            for match in (False, True):
                cosines = [world.cosine(confounding, match=match, seed=seed) for seed in range(asked.draws)]
                told.append(f"{'matched' if match else 'unmatched'} {np.mean(cosines):.3f} (least {min(cosines):.3f})")
            print(f"confounding {confounding}: cosine {', '.join(told)}", flush=True)
    p_values = image_p_values(asked.pictures, asked.pictures)
    distance, chance = uniformity(p_values, asked.pictures)
    print(
        f"p-values of {asked.pictures} new images without a veil, against {asked.pictures}: Kolmogorov-Smirnov "
        f"distance {distance:.3f} (p {chance:.2f}); at most .05: {(p_values <= 0.05).mean():.3f}"
    )


if __name__ == "__main__":
    main()
