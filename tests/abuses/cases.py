"""How a case is declared: a function of the stage and the server at hand that answers what it measured."""
from abuses.server import MIB


class Group(list):
    """The cases of one file, in their order."""

    def case(self, memory=MIB, waits=False, judges_logs=False):
        """memory: what the server may keep. waits: it mostly does. judges_logs: comes last, when all is written."""
        def declare(function):
            function.memory, function.waits, function.judges_logs = memory, waits, judges_logs
            self.append(function)
            return function
        return declare
