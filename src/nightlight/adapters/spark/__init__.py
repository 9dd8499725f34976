"""The same definitions on Apache Spark's Structured Streaming: a divided state, decided by ``detect/part.py``."""
