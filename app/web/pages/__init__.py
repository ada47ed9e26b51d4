"""The six pages, the header, and what pages share. A page builds its fields and parts on a board, and does nothing else."""
