"""The sandbox: an application in testing asks the real API, signed and evidenced, about people who do not exist."""
