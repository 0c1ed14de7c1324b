"""How a store's content is encrypted and decrypted."""
