"""From an experiment to its runs and tables: plan, jobs, workers, precision."""
