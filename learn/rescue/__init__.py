"""Rescue: scenes in which the simulator shows that the policy fails, from where it goes wrong to where it would get there by itself."""
