"""Joins of cut-off answers, simulated and recorded: how often they come out right."""
