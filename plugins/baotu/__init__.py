"""Baotu."""
