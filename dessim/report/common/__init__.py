"""What all reports share: stored results, formats, colours."""
