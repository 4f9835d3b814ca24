"""Report the figures of workers to files and to a costmon service, and read them back."""
