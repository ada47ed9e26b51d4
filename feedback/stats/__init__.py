"""How people and the labeller agree, and what ratings look like in all."""
