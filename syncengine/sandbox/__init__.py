"""Local servers that behave as the providers' pages say, so that everything can be tried without an account."""
