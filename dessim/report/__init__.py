"""Tables for the terminal and figures for papers, from stored results; nothing here simulates."""
