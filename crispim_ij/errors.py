"""The one kind of error that a user is meant to read."""


class CrispimError(Exception):
    """A fault that the user can mend.

    Its message is one sentence that names the file or option, what is wrong
    with it and what to do. The command line prints it and exits with status 2.
    """
