#include "tests/support/test_component.h"

#include <stdexcept>

#include "base/bytes.h"
#include "base/crypto.h"

namespace rookery::test {

TestComponent::TestComponent(TestServer& server, std::string_view domain, std::string_view secret)
    : TestComponent(stranger(server, domain)) {
    const std::string answer = ask("<handshake>" + proof(secret) + "</handshake>");
    if (answer != "<handshake/>") throw std::runtime_error("no handshake: " + greeting_ + answer);
}

TestComponent TestComponent::stranger(TestServer& server, std::string_view domain) {
    TestComponent component(server.connect_component());
    component.greeting_ = component.ask("<stream:stream xmlns='jabber:component:accept' to='" + std::string(domain) +
                                        "' xmlns:stream='http://etherx.jabber.org/streams'>");
    return component;
}

std::string TestComponent::proof(std::string_view secret) const {
    const auto begin = greeting_.find(" id='") + 5;
    const std::string id = greeting_.substr(begin, greeting_.find('\'', begin) - begin);
    return hex_encode(hash(HashAlgorithm::sha1, id + std::string(secret)));
}

std::string TestComponent::ask(std::string_view xml) {
    send(xml);
    return receive();
}

std::string TestComponent::receive() {
    std::string text;
    wire_->receive(text, Milliseconds(0));
    return text;
}

bool TestComponent::closed() {
    std::string text;
    return wire_->receive(text, Milliseconds(0)) == Wire::Got::closed;
}

}  // namespace rookery::test
