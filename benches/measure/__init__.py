"""Measures two Apache modules side by side. Start it with benches/run."""
