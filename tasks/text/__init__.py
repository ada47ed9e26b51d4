"""Texts: what models answer, read; documents cut into passages; whether one text is like another."""
