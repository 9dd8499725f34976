"""The CyberTipline of the US National Center for Missing & Exploited Children: its documents, its calls."""
