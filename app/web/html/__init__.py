"""Pieces of HTML: texts as they are read, formulas, plots, colours and type."""
