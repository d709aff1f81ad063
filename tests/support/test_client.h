// TestClient: a logged-in session on a TestServer, for C++ tests of modules. Its account is made when it is missing.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/test_server.h"

namespace rookery::test {

class TestClient {
public:
    // Connects, logs in, binds the address's resource. Throws std::runtime_error when that fails.
    TestClient(TestServer& server, std::string_view full_jid);

    // A stream to `domain` whose client has not logged in; features() is what it is offered.
    static TestClient stranger(TestServer& server, std::string_view domain = "localhost", std::string_view from = "192.0.2.1");

    // One of an account that exists, logged in and not bound: it may resume.
    static TestClient logged_in(TestServer& server, std::string_view jid);

    void send(std::string_view xml) { wire_->send(xml); }
    std::string ask(std::string_view xml);  // send, receive
    // Everything that has come since the last call, as sent. "" when nothing did.
    std::string receive();
    // <presence/>, and away with what comes back.
    void become_available();
    bool closed();
    void drop() { wire_->drop(); }
    // From now on reads nothing: what it is sent stays with the server.
    void stall() { wire_->stall(); }
    // </stream:stream>
    void leave();
    const std::string& features() const { return features_; }  // the latest <stream:features/>, with what came before

private:
    explicit TestClient(std::unique_ptr<LoopbackWire> wire) : wire_(std::move(wire)) {}
    void log_in(const Jid& jid);

    std::unique_ptr<LoopbackWire> wire_;
    std::string features_;
};

}  // namespace rookery::test
