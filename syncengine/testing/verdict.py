"""How a rule says no: the connector breaks it, or its author has not said how to arrange what the rule needs."""


class Broken(AssertionError):
    """The connector does not keep the rule. The sentence says what was seen."""


class NotStaged(Exception):
    """The stage can't arrange what the rule needs: write that method of the stage, or waive the rule with a reason."""


class Endless(BaseException):
    """Far more requests left than any rule needs. Not an Exception: nobody may take it for trouble that passes."""


class Killed(BaseException):
    """The process dies here. Not an Exception, because nobody survives it."""


def require(truth: object, sentence: str) -> None:
    """Raise Broken with this sentence unless it is true. A sentence never quotes a value of a record."""
    __tracebackhide__ = True  # pytest shows the rule, not this line
    if not truth:
        raise Broken(sentence)
