"""Helpers of the prototype energy."""
