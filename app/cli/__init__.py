"""The command `claywright`, a module for each kind of work; the work itself is done in app/workflow.py."""
