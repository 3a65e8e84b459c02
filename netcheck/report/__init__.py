"""Results to text: tables, JSON, CSV, Markdown and graphs. Pure functions; nothing here reads input or decides."""
