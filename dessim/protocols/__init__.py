"""Protocols, one file each, most of them with a bug that Linux had. The folder is the registry."""
