"""Relevance and contribution maps, and the explanation that holds them."""
