"""Commands, settings, warehouse, publish: what ties the stages together."""
