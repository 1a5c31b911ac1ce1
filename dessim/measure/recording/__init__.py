"""What a run did, step by step, and who held what."""
