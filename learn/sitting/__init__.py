"""One sitting: a person drives, the policy learns beside them, and they are asked for less and less until it no longer needs them."""
