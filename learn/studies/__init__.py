"""Studies: the textbook's exercises 6.1 to 6.3, each one command that measures, resumes and writes a page."""
