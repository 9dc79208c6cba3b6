"""Landing to bronze: read, normalise, validate, commit."""
