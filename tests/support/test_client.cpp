#include "tests/support/test_client.h"

#include <stdexcept>

#include "base/bytes.h"

namespace rookery::test {
namespace {

constexpr const char* password = "secret";

std::string header(const Jid& jid) {
    return "<stream:stream to='" + std::string(jid.domain()) +
           "' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
}

std::string plain_auth(const Jid& jid) {
    const std::string nul(1, '\0');
    return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
           base64_encode(nul + std::string(jid.local()) + nul + password) + "</auth>";
}

std::string bind_request(const Jid& jid) {
    std::string request = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>";
    xml::escape(request, jid.resource());
    return request + "</resource></bind></iq>";
}

}  // namespace

TestClient::TestClient(TestServer& server, std::string_view full_jid) {
    const std::optional<Jid> jid = Jid::parse(full_jid);
    if (!jid || !jid->is_full()) throw std::runtime_error("not a full address");
    const Result<void> made = server.make_account(jid->local(), jid->domain(), password);
    if (!made.ok() && made.error().code != ErrorCode::conflict) throw std::runtime_error(made.error().message);
    wire_ = server.connect();
    log_in(*jid);
    const std::string answers = ask(bind_request(*jid));
    if (answers.find("<jid>") == std::string::npos) throw std::runtime_error("no login: " + answers);
}

TestClient TestClient::stranger(TestServer& server, std::string_view domain, std::string_view from) {
    TestClient client(server.connect_from(from));
    client.features_ = client.ask(header(Jid::parse(domain).value()));
    return client;
}

TestClient TestClient::logged_in(TestServer& server, std::string_view jid) {
    TestClient client(server.connect());
    client.log_in(Jid::parse(jid).value());
    return client;
}

void TestClient::log_in(const Jid& jid) {
    for (const std::string& step : {header(jid), plain_auth(jid)}) wire_->send(step);
    receive();
    features_ = ask(header(jid));
}

std::string TestClient::ask(std::string_view xml) {
    send(xml);
    return receive();
}

std::string TestClient::receive() {
    std::string text;
    wire_->receive(text, Milliseconds(0));
    return text;
}

void TestClient::become_available() {
    send("<presence/>");
    receive();
}

bool TestClient::closed() {
    std::string text;
    return wire_->receive(text, Milliseconds(0)) == Wire::Got::closed;
}

void TestClient::leave() {
    send("</stream:stream>");
    wire_->close();
}

}  // namespace rookery::test
