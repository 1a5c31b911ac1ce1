"""Page-fault traces of Linux's tools, read line by line into columns."""
