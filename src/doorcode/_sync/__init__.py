"""The credentials and their driver, with threads."""
