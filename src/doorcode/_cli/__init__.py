"""The command line, ``doorcode``: sign in once, and every program on the machine can use it. Extra ``cli``."""
