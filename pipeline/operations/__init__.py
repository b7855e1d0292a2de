"""What an operator can do, once; the command line and the API are faces of these."""
