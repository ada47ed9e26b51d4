"""The input of a run: files of rows, documents, folders and zips of them, datasets, pasted text.

inputs.py gives the rows; files.py finds the files, tabular.py and documents.py read them, uploads.py keeps what the page sends.
"""
