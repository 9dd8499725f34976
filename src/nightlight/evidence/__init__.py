"""Evidence: bytes in, verified things out, or an exception. No I/O, no clock, no randomness."""
