"""What concerns a process that has azure-identity installed beside doorcode."""
