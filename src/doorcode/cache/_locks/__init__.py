"""Locks and leases on files, among threads and processes."""
