"""Files that hold secrets: modes, ownership, atomic replacement."""
