"""Helpers of the kernel energy."""
