"""Concepts that stand in a table: a row for each picture, a column for each attribute."""

from sacv.concepts.tables.table import Labelled, Table, from_table

__all__ = ["Labelled", "Table", "from_table"]
