"""What a sign-in in a browser needs on this machine: launcher, redirect server, pages, terminal."""
