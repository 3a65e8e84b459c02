"""One test class per rule of SEMANTICS, quoting its sentence; the smallest cluster that shows it."""
