// TestComponent: an external component (XEP-0114) on a TestServer, for C++ tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/test_server.h"

namespace rookery::test {

class TestComponent {
public:
    // Connects and proves its secret. Throws std::runtime_error when that fails.
    TestComponent(TestServer& server, std::string_view domain, std::string_view secret = "secret");
    // One that has sent its header; greeting() is the answer.
    static TestComponent stranger(TestServer& server, std::string_view domain);

    void send(std::string_view xml) { wire_->send(xml); }
    std::string ask(std::string_view xml);  // send, receive
    // Everything that has come since the last call, as sent. "" when nothing did.
    std::string receive();
    bool closed();
    void drop() { wire_->drop(); }
    // From now on reads nothing: what it is sent stays with the server.
    void stall() { wire_->stall(); }
    // What the handshake must hold.
    std::string proof(std::string_view secret) const;
    const std::string& greeting() const { return greeting_; }

private:
    explicit TestComponent(std::unique_ptr<LoopbackWire> wire) : wire_(std::move(wire)) {}

    std::unique_ptr<LoopbackWire> wire_;
    std::string greeting_;
};

}  // namespace rookery::test
