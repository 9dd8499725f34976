"""The JSON interface for reporters and for the software that speaks for them."""
