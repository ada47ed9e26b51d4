"""Columns of the input: values that are missing, chats, and the layouts that the world writes."""
