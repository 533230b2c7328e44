"""Pages and figures, drawn from plain data."""
