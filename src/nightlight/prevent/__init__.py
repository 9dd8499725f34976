"""Prevention without content: who may reach whom, and what each of them is told."""
