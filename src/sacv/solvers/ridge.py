r"""Ridge regression on labels 1 (concept) and 0 (random).

    min_w,b  sum_i (y_i - w . a_i - b)^2 + l \|w\|^2        l = alpha n tr W / channels

W is the covariance within the sets and n the number of locations. By the Sherman-Morrison formula the scatter between
the sets does not change the direction of w, which is parallel to (W + alpha (tr W / channels) I)^-1 (m_concept -
m_random). So `Ridge(alpha)` is parallel to `LDA(alpha / (1 + alpha))`, and tends to `LDA(0)` as alpha goes to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sacv.errors import OptionError
from sacv.solvers.base import Float64, MomentSolver
from sacv.solvers.lda import whiten
from sacv.stats import Moments


@dataclass(frozen=True)
class Ridge(MomentSolver):
    """Ridge regression.

    Parameters
    ----------
    alpha
        Strength of the penalty, above 0, in units of the mean variance of a channel.

    Raises
    ------
    OptionError
        If `alpha` is not finite and above 0.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < float("inf"):
            raise OptionError(
                f"alpha must be a finite number above 0, not {self.alpha}; LDA(0) is the limit without penalty"
            )

    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Compute the weights; see `MomentSolver.directions`."""
        return whiten(differences, within(), 1.0, self.alpha)
