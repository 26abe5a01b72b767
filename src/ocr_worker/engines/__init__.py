"""Engines: their contract (`base`), their names (`registry`), and one package for each of ours."""
