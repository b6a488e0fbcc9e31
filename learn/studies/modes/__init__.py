"""Exercise 6.3: several ways of solving PandaDetour, and which policies keep them."""
