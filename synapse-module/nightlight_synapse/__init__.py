"""The part of Nightlight that loads into Synapse. AGPL-3.0-or-later, apart from everything else."""
