"""Estimators of a concept's direction, one object a file."""
