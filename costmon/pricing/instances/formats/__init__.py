"""Price lists of others, and the user's own file: text in, rows out."""
