"""The synthetic town: invented accounts that leave events as a messenger's would, in any number, from a seed.

Nothing in it was learned from real people, and nothing measured on it says how often a rule is right in the world.
"""
