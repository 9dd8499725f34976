"""A verified bundle as one page for people: to read, to print, to put into a file. No script, nothing loaded."""
