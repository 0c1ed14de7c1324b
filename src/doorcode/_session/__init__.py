"""What the sync and the asyncio credentials share: a credential's state, and how steps are handled."""
