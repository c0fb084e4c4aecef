"""The command line: today one command, `demo`."""
