"""Lists, files and the history of published members."""
