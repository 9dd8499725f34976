"""The evidence bundle: one file that proves by itself what was said, reported, decided and logged. docs/bundle.md."""
