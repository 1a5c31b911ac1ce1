"""dessim: a simulator of page-fault locking schemes on many-core machines."""

__version__ = "0.1.0"
