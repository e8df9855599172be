"""Numba functions on plain arrays: no objects, no input or output, no randomness of their own."""
