"""From an experiment to stored runs and tables."""
