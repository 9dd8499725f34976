"""The words of the house, one meaning each. Frozen dataclasses and enumerations, standard library only."""
