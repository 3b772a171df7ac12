"""Recipes that make the tests' inputs from the pinned wheels; started by ci/inputs inside target/venv."""
