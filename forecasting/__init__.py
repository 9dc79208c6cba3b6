"""Weekly demand forecasts: Parquet in, Parquet out."""
