"""Files, their names and the text in them: one reader, one writer, one sanitiser for all rooms."""
