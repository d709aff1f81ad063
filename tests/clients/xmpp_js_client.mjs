// @xmpp/client 0.14.0 on Node: the JavaScript client of many bots and web programs. It uses SASL2 and Bind 2 where they
// are offered, and plain SASL with SCRAM-SHA-1 else. Requests are made by hand, as its users make them.
import assert from "node:assert/strict"
import net from "node:net"
import { client, jid, xml } from "@xmpp/client"

const { HOST, PORT, TLS_PORT, DOMAIN, ALICE, BOB, PASSWORD } = process.env
const CHECK_MS = 15000
const ALL_MS = 80000
let failures = 0

function report(what, why) {
  failures += why === undefined ? 0 : 1
  const reason = String(why).replaceAll(/\s+/g, " ").slice(0, 400)
  console.log(why === undefined ? `ok ${what}` : `not ok ${what}: ${reason}`)
}

function within(promise, ms, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms: ${what}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

async function check(what, trial) {
  try {
    await within(trial(), CHECK_MS, what)
  } catch (error) {
    console.error(error)
    report(what, error.message || error)
    return false
  }
  report(what)
  return true
}

/** Hands connections on to the server, until it is told to cut them. */
class Cable {
  constructor() {
    this.ends = new Set()
    this.plugged = true
    this.listener = net.createServer((near) => this.join(near))
  }

  async open() {
    await new Promise((ready) => this.listener.listen(0, HOST, ready))
    return this.listener.address().port
  }

  join(near) {
    if (!this.plugged) return near.resetAndDestroy()
    const far = net.connect(PORT, HOST)
    for (const [end, other] of [[near, far], [far, near]]) {
      this.ends.add(end)
      end.on("error", () => {}).on("close", () => this.ends.delete(end) && other.destroy())
      end.pipe(other)
    }
  }

  cut() {
    this.plugged = false
    for (const end of this.ends) end.resetAndDestroy()
  }

  /** What goes out from here is swallowed, as on a link that is gone and has not been missed yet. */
  swallow() {
    for (const end of this.ends) end.unpipe().resume()
  }

  mend() {
    this.plugged = true
  }

  close() {
    this.cut()
    this.listener.close()
  }
}

/** A client that keeps what arrives until somebody asks for it. */
class User {
  constructor(username, direct = false, { password = PASSWORD, port = PORT, resource = "js" } = {}) {
    // Over direct TLS it verifies the certificate for the host's name, not for the domain's as RFC 6125 wants.
    const service = direct ? `xmpps://${DOMAIN}:${TLS_PORT}` : `xmpp://${HOST}:${port}`
    this.xmpp = client({ service, domain: DOMAIN, username, password, resource })
    this.xmpp.reconnect.stop()
    this.bare = `${username}@${DOMAIN}`
    this.arrived = []
    this.waiting = []
    this.errors = []
    this.mechanisms = []
    this.xmpp.on("error", (error) => this.errors.push(error))
    this.xmpp.on("stanza", (stanza) => this.keep(stanza))
    this.xmpp.on("nonza", (element) => this.note(element))
    this.xmpp.on("element", (element) => console.error(`${username} RECV ${element}`))
    this.xmpp.on("send", (element) => this.note(element))
    for (const namespace of ["jabber:iq:roster", "urn:xmpp:blocking"]) {
      for (const name of ["query", "block", "unblock"]) {
        this.xmpp.iqCallee.set(namespace, name, () => true) // pushes
      }
    }
  }

  note(element) {
    console.error(`${this.bare} SEND ${String(element).replaceAll(PASSWORD, "*")}`)
    if (element.is?.("auth") || element.is?.("authenticate")) this.mechanisms.push(element.attrs.mechanism)
  }

  keep(stanza) {
    this.arrived.push(stanza)
    for (const wake of this.waiting.splice(0)) wake()
  }

  async expect(fits) {
    for (;;) {
      const index = this.arrived.findIndex(fits)
      if (index >= 0) return this.arrived.splice(index, 1)[0]
      await new Promise((wake) => this.waiting.push(wake))
    }
  }

  async logIn() {
    this.address = await this.xmpp.start()
    await this.get(xml("query", "jabber:iq:roster")) // without it no pushes (RFC 6121 2.1.6)
    await this.xmpp.send(xml("presence"))
    await this.expect((stanza) => stanza.is("presence") && stanza.attrs.from === String(this.address))
  }

  get(child, to) {
    return this.xmpp.iqCaller.request(xml("iq", { type: "get", ...(to && { to }) }, child))
  }

  set(child) {
    return this.xmpp.iqCaller.request(xml("iq", { type: "set" }, child))
  }

  write(to, body) {
    return this.xmpp.send(xml("message", { type: "chat", to, id: `js-${Math.random()}` }, xml("body", {}, body)))
  }

  async rosterItem(contact) {
    const answer = await this.get(xml("query", "jabber:iq:roster"))
    return answer.getChild("query").getChildren("item").find((item) => item.attrs.jid === contact)
  }
}

const isMessage = (stanza) => stanza.is("message") && stanza.getChild("body") !== undefined
const isPush = (contact) => (stanza) =>
  stanza.is("iq") && stanza.attrs.type === "set" && stanza.getChild("query")?.getChild("item")?.attrs.jid === contact
const isPresence = (from, type) => (stanza) =>
  stanza.is("presence") && stanza.attrs.type === type && jid(stanza.attrs.from).bare().toString() === from

async function logIn(direct) {
  const user = new User(ALICE, direct)
  await user.logIn()
  assert.equal(user.address.bare().toString(), user.bare)
  console.log(`# by ${user.mechanisms.join(", then ")}`)
  assert.ok(!user.mechanisms.includes("PLAIN"), "it fell back to PLAIN")
  await user.xmpp.stop()
  assert.deepEqual(user.errors, [])
}

async function wrongPassword() {
  const user = new User(ALICE, false, { password: "not the password" })
  await assert.rejects(user.xmpp.start(), (error) => error.condition === "not-authorized")
  await user.xmpp.stop()
}

async function roster(alice) {
  const contact = "friend@elsewhere.example"
  const item = xml("item", { jid: contact, name: "A Friend & Co" }, xml("group", {}, "Chess"))
  await alice.set(xml("query", "jabber:iq:roster", item))
  await alice.expect(isPush(contact))
  const kept = await alice.rosterItem(contact)
  assert.equal(kept.attrs.name, "A Friend & Co")
  assert.equal(kept.attrs.subscription, "none")
  assert.equal(kept.getChildText("group"), "Chess")
  await alice.set(xml("query", "jabber:iq:roster", xml("item", { jid: contact, subscription: "remove" })))
  const push = await alice.expect(isPush(contact))
  assert.equal(push.getChild("query").getChild("item").attrs.subscription, "remove")
  assert.equal(await alice.rosterItem(contact), undefined)
}

async function subscribe(alice, bob) {
  for (const [asker, asked] of [[alice, bob], [bob, alice]]) {
    await asker.xmpp.send(xml("presence", { type: "subscribe", to: asked.bare }))
    await asked.expect(isPresence(asker.bare, "subscribe"))
    await asked.xmpp.send(xml("presence", { type: "subscribed", to: asker.bare }))
    await asker.expect(isPresence(asked.bare, "subscribed"))
    await asker.expect(isPresence(asked.bare, undefined))
  }
  for (const [user, other] of [[alice, bob], [bob, alice]]) {
    assert.equal((await user.rosterItem(other.bare)).attrs.subscription, "both")
  }
}

async function messages(alice, bob) {
  for (const [sender, receiver] of [[alice, bob], [bob, alice]]) {
    const body = "from JavaScript <with> & \u2603 \u{1F600}"
    await sender.write(receiver.bare, body)
    const message = await receiver.expect(isMessage)
    assert.equal(message.getChildText("body"), body)
    assert.equal(message.attrs.from, String(sender.address))
  }
}

async function block(alice, bob) {
  const item = () => xml("item", { jid: alice.bare })
  await bob.set(xml("block", "urn:xmpp:blocking", item()))
  const listed = (await bob.get(xml("blocklist", "urn:xmpp:blocking"))).getChild("blocklist").getChildren("item")
  assert.deepEqual(listed.map((entry) => entry.attrs.jid), [alice.bare])
  await alice.write(bob.bare, "can you hear me")
  const refused = await alice.expect((stanza) => stanza.is("message") && stanza.attrs.type === "error")
  assert.ok(refused.getChild("error").getChild("service-unavailable"), String(refused))
  await bob.set(xml("unblock", "urn:xmpp:blocking", item()))
  await alice.write(bob.bare, "and now")
  assert.equal((await bob.expect(isMessage)).getChildText("body"), "and now")
}

async function vcard(alice, bob) {
  await alice.set(xml("vCard", "vcard-temp", xml("FN", {}, "Alice \u00C6. Example"), xml("NICKNAME", {}, "al")))
  const card = (await bob.get(xml("vCard", "vcard-temp"), alice.bare)).getChild("vCard")
  assert.equal(card.getChildText("FN"), "Alice \u00C6. Example")
  assert.equal(card.getChildText("NICKNAME"), "al")
}

async function disco(alice) {
  const query = (await alice.get(xml("query", "http://jabber.org/protocol/disco#info"), DOMAIN)).getChild("query")
  assert.ok(query.getChildren("identity").some(({ attrs }) => attrs.category === "server" && attrs.type === "im"))
  assert.ok(query.getChildren("feature").some(({ attrs }) => attrs.var === "urn:xmpp:ping"))
}

/**
 * XEP-0198: the client comes back by itself; what either side sent meanwhile, or into the dead link, arrives once.
 * The train makes no requests: this client does not count their answers (docs/clients.md).
 */
async function resumeAfterACut(bob) {
  const cable = new Cable()
  const train = new User(ALICE, false, { port: await cable.open(), resource: "train" })
  const { streamManagement } = train.xmpp
  try {
    train.address = await train.xmpp.start()
    await within(until(() => streamManagement.enabled), CHECK_MS, "enabled")
    await once(bob, train, "before the tunnel")
    await once(train, bob, "going in")

    cable.swallow()
    await train.write(bob.bare, "into the wall")
    await bob.write(train.address, "to the wall")
    await bob.get(xml("ping", "urn:xmpp:ping"), DOMAIN)
    const cut = new Promise((lost) => train.xmpp.once("disconnect", lost))
    cable.cut()
    await cut
    await bob.write(train.address, "in the tunnel")
    await bob.get(xml("ping", "urn:xmpp:ping"), DOMAIN)

    const resumed = new Promise((again) => streamManagement.once("resumed", again))
    train.xmpp.reconnect.start()
    cable.mend()
    train.xmpp.reconnect.scheduleReconnect()
    await resumed
    const missed = [await train.expect(isMessage), await train.expect(isMessage)]
    assert.deepEqual(missed.map((stanza) => stanza.getChildText("body")), ["to the wall", "in the tunnel"])
    assert.equal((await bob.expect(isMessage)).getChildText("body"), "into the wall")
    await once(train, bob, "out again")
    await once(bob, train, "out again, too")
    for (const user of [train, bob]) assert.deepEqual(user.arrived.filter(isMessage).map(String), [], "it came twice")
    train.xmpp.reconnect.stop()
    await train.xmpp.stop()
  } finally {
    train.xmpp.reconnect.stop()
    cable.close()
  }
}

async function once(sender, receiver, body) {
  await sender.write(receiver.address, body)
  assert.equal((await receiver.expect(isMessage)).getChildText("body"), body)
}

async function until(holds) {
  while (!holds()) await new Promise((wake) => setTimeout(wake, 20))
}

async function main() {
  await check("login over STARTTLS", () => logIn(false))
  await check("login over direct TLS", () => logIn(true))
  await check("a wrong password is refused", wrongPassword)
  const [alice, bob] = [new User(ALICE), new User(BOB, true)]
  if (!(await check("two sessions", () => Promise.all([alice.logIn(), bob.logIn()])))) return
  await check("roster: add, remove", () => roster(alice))
  await check("subscribe both ways", () => subscribe(alice, bob))
  await check("message both ways", () => messages(alice, bob))
  await check("a cut stream is resumed and each message comes once", () => resumeAfterACut(bob))
  await check("block and unblock", () => block(alice, bob))
  await check("vCard", () => vcard(alice, bob))
  await check("disco", () => disco(alice))
  await check("streams end", () => Promise.all([alice.xmpp.stop(), bob.xmpp.stop()]))
}

await within(main(), ALL_MS, "all checks").catch((error) => report("xmpp.js", error.message))
process.exit(failures === 0 ? 0 : 1)
