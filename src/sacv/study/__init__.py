"""A study in one file: fit, scores by class, audit and the top images, in one report.

The room uses the command line's parsers. What loads PyTorch is imported within functions, as there.
"""

from sacv.study.file import Study, read_study
from sacv.study.run import StudyResult, run_study

__all__ = ["Study", "StudyResult", "read_study", "run_study"]
