"""Figures, each measured beside its peer or primitive in the same run."""
