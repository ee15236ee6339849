"""Samples and the threads that move them: rings, rates, sound devices, and WAV files in their place."""
