"""Files in S3-compatible storage."""
