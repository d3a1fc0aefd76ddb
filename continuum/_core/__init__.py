"""The part that decides: no clock, no sleep, no randomness, no file, no SDK."""
