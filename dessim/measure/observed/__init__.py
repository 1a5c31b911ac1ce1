"""What other tools measured: histograms, tables of locks, rates and times, read from their text."""
