"""The store: SQLAlchemy Core on SQLite (WAL) or PostgreSQL, one schema, Alembic migrations."""
