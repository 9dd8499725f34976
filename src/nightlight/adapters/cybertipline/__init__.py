"""NCMEC's CyberTipline: its documents, and the calls that file them."""
