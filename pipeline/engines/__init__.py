"""Where the Beam components work: profiles, their options, and what must be there before a run starts."""
