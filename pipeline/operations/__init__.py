"""What an operator can do, once; the command line, the API and the console are faces of these."""
