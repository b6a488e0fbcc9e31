"""Labels given later: the policy drives a round alone, and then a person answers about the states most worth it, in one batch."""
