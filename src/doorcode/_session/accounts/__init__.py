"""The accounts of a credential: the one that it uses, those in its caches, and which of them were signed out."""
