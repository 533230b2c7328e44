"""The benchmark of sacv: explanations and rival methods measured against ground truth."""
