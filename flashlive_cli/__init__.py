"""flashlive: talk to Gemini Live from the terminal, test voice agents, simulate the API."""

__version__ = "0.1.0"
