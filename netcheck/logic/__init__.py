"""The intermediate representation: every policy API is translated into it, every engine reads only it."""
