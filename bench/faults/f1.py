"""F1: kill -9 at a random moment under load, with a million messages in the archives."""
NAME = "kill -9 at a random moment, 1,000,000 archived messages"
ONE_PROCESS = True  # there is one such server
TEMPLATES = ("million",)
SHORT, LONG = 20, 200


async def play(round):
    round.use(round.stage.big_server())
    await round.begin(rate=500)
    await round.pause(0.1, 0.7)
    round.killed()
    await round.restart()
    await round.pause(0.2, 0.4)
    await round.finish()
