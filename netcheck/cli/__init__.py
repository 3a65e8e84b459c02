"""Arguments, configuration, progress, output and exit codes. Decides nothing about networks."""
