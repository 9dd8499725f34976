"""The page of a young person's own: what protects them, who asks for them, and help."""
