"""F14: the server stands still (SIGSTOP) and goes on. Nobody is logged out for that."""
import asyncio
import signal

NAME = "server stopped for a while (SIGSTOP)"
SHORT, LONG = 2, 10
STOP_SHORT, STOP_LONG = 2, 10


async def play(round):
    round.make_server()
    await round.begin(rate=300, patience=60)
    await round.pause(0.2, 0.4)
    sessions = {client.name: client.session for client in round.load.steady}
    round.server.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(round.scaled(STOP_SHORT, STOP_LONG))
    round.server.process.send_signal(signal.SIGCONT)
    await round.pause(0.3, 0.5)
    lost = [client.name for client in round.load.steady if not client.ready or client.session != sessions[client.name]]
    if lost:
        round.problem(f"logged out by the pause: {lost}")
    await round.finish()
