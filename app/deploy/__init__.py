"""Putting the app up: recipes for containers, systemd and a Space, and the backup to the Hub for where no disk is kept."""
