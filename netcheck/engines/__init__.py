"""Two engines over the representation: `sets` answers for all pairs, `smt` decides, proves and explains."""
