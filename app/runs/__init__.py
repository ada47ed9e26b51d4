"""A run at work: the units that give rows, what they cost, what they may use, and changes to single rows."""
