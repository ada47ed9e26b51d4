"""The six pages, one file each, and the header. A page builds its fields and parts on a board, and does nothing else."""
