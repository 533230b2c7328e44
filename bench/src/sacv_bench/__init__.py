"""The truth bench of sacv: explanations measured against ground truth, beside their rivals."""
