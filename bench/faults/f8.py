"""F8: connections through a proxy that resets, half closes, cuts, stalls, delays, or passes single bytes; every other
round over TLS, where cuts are amid its records."""
from faults.proxy import Proxy
from faults.round import Place

NAME = "broken connections: reset, half close, cut amid, stall, delay, single bytes; TCP and TLS"
SHORT, LONG = 50, 500
PATIENCE_SHORT, PATIENCE_LONG = 0.5, 4.0
DELAY_SHORT, DELAY_LONG = 0.1, 2.0


async def play(round):
    tls = round.number % 2 == 1
    server = round.make_server()
    server.spawn()
    await server.serving()
    proxy = Proxy((server.ip, server.tls_port if tls else server.port), round.random,
                  round.scaled(DELAY_SHORT, DELAY_LONG), round.mark)
    proxy.harmless = True
    await proxy.open()
    try:
        await round.begin(Place(*proxy.address[:2], tls=tls), rate=300,
                          patience=round.scaled(PATIENCE_SHORT, PATIENCE_LONG))
        proxy.harmless = False
        for client in round.load.clients:
            client.cut()
        await round.pause(*round.scaled((0.6, 1.0), (6, 10)))
        proxy.harmless = True
        for client in round.load.clients:  # those that are stalled, too
            client.cut()
        await round.finish()
    finally:
        await round.load.gone() if round.load else None
        await proxy.close()
    kinds = ", ".join(f"{count} {way}" for way, count in proxy.counts.items() if way != "pass")
    round.result.note = f"{'TLS' if tls else 'TCP'}, {kinds}"
