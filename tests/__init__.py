"""The proof kit: what netcheck must do, said in ways that do not share its code."""
