"""`python -m app` in a checkout; installed, the command is `claywright`."""

from app.cli.main import main

main()
