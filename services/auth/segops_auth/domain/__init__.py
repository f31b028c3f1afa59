"""What the words of auth mean; decided here, acted on elsewhere."""
