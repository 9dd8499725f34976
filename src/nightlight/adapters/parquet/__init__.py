"""Events in Parquet files: read in the order of the log, and asked about in SQL. Needs the extra ``detect``."""
