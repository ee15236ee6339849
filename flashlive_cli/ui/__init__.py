"""What the user sees of a talk: each module turns reports into something to look at."""
