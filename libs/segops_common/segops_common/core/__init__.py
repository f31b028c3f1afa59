"""Small pieces that everything may use; the standard library only."""
