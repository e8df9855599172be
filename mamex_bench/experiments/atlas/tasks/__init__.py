"""Pieces of work: what can be asked, one file a kind; where answers are kept; who does them."""
