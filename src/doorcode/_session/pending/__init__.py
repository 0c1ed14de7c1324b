"""A pending sign-in, whose polls the program sends itself: its state, its text form and the pace of its polls."""
