"""The sentences that users and programs read when something fails."""
