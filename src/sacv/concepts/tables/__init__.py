"""Concepts from a table with a row for each image and a column for each attribute."""

from sacv.concepts.tables.table import Labelled, Table, from_table

__all__ = ["Labelled", "Table", "from_table"]
