"""What goes out: which rows, as what, and the files, folders and datasets that they become."""
