"""Which human concepts a vision model uses, where it sees them, and how much each place contributes."""

__version__ = "0.1.0"
