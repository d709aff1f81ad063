// Detached TLS beside OpenSSL's own record layer: after one handshake both hear the same records under the same keys,
// valid, strange and forged, and both send the same. Oracles: they understand and refuse the same, with the same alert
// (but where they may differ, see same_refusal); what they send reads the same.
//   pairs: operation, argument, and what the operation takes of the rest
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "net/tls_detached.h"
#include "tests/net/tls_forge.h"

namespace rookery {
namespace {

using namespace test;
using Status = TlsSession::Status;

void require(bool holds) {
    if (!holds) std::abort();
}

std::shared_ptr<const TlsContexts> make_contexts() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rookery-fuzz-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr);
    const std::string chain = pattern + "/chain.pem", key = pattern + "/key.pem";
    require(make_self_signed(chain, key, {"example.org"}).ok());
    auto loaded = TlsContexts::load({{.chain = chain, .key = key, .hosts = {}}}, false);
    std::filesystem::remove_all(pattern);
    return std::move(loaded).value();
}

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
    bool empty() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto first = static_cast<std::uint8_t>(rest_[0]);
        rest_.remove_prefix(1);
        return first;
    }
    std::string bytes(std::size_t count) {
        const std::string taken(rest_.substr(0, count));
        rest_.remove_prefix(taken.size());
        return taken;
    }

private:
    std::string_view rest_;
};

// One of the two sessions, and what its peer reads from it.
class Side {
public:
    Side(std::unique_ptr<TlsSession> session, MemoryClient& client)
        : session_(std::move(session)), reader_(client.cipher(), client.server_secret) {}

    Status hear(const std::string& record) {
        const Heard heard = test::hear(*session_, record, workspace_);
        plain = heard.plain;
        read(heard.output);
        return heard.status == Status::data && plain.empty() ? Status::more : heard.status;
    }
    void send(const std::string& bytes) {
        require(session_->send(bytes, workspace_));
        read(std::exchange(workspace_.output, {}));
    }

    std::string plain;  // of the last record
    std::string text;   // all that was sent
    int alert = -1;

private:
    void read(const std::string& output) {
        for (const std::string& record : cut_into_records(output)) {
            const std::string inner = reader_.open(record);
            require(!inner.empty());
            const auto type = static_cast<TlsContent>(inner.back());
            if (type == TlsContent::application_data) text.append(inner, 0, inner.size() - 1);
            if (type == TlsContent::alert) alert = inner[1];
            if (type == TlsContent::handshake) reader_.update();
        }
    }

    std::unique_ptr<TlsSession> session_;
    TlsWorkspace workspace_;
    TlsForge reader_;
};

// A wrong length is a decode_error by RFC 8446 6.2; to OpenSSL that of an alert is an unexpected message, that of a
// long KeyUpdate an illegal parameter.
bool same_refusal(const Side& ours, const Side& theirs) {
    const auto is = [](int alert, TlsAlert name) { return alert == static_cast<int>(name); };
    return ours.alert == theirs.alert ||
           (is(ours.alert, TlsAlert::decode_error) &&
            (is(theirs.alert, TlsAlert::unexpected_message) || is(theirs.alert, TlsAlert::illegal_parameter)));
}

class Run {
public:
    explicit Run(MemoryClient& client, std::unique_ptr<TlsSession> theirs)
        : forge_(client.cipher(), client.client_secret),
          theirs_(std::move(theirs), client),
          ours_(make_detached_session({.suite = *tls_suite(client.cipher()),
                                       .read_secret = client.client_secret,
                                       .write_secret = client.server_secret}),
                client) {}

    // OpenSSL has limits of its own on records that carry nothing; our channel counts them.
    bool over() const { return over_ || quiet_ > 4; }

    void act(std::uint8_t operation, Input& input) {
        const std::uint8_t argument = input.byte();
        switch (operation % 8) {
            case 0:
                return hear(sealed(input.bytes(argument), TlsContent::application_data, input.byte()));
            case 1:
                return hear_inner(input.bytes(argument) + static_cast<char>(input.byte()));
            case 2:
                return update_key(static_cast<char>(argument % 3));
            case 3:
                return hear(garbled(sealed(input.bytes(argument % 32), TlsContent::application_data, 0), input.byte(),
                                    input.byte()));
            case 4:
                return hear_inner({static_cast<char>(argument % 3), static_cast<char>(input.byte()),
                                   static_cast<char>(TlsContent::alert)});
            case 5:
                return send(std::string(std::size_t{argument} * 100, 's'));
            case 6:
                return hear(unsealed(input.bytes(argument), input.byte()));
            case 7:  // OpenSSL lets padding go past 2^14 + 1, which RFC 8446 5.4 forbids
                return hear(sealed(std::string(RecordCipher::max_content_bytes - 8 + argument % 16, 'l'),
                                   TlsContent::application_data, 0));
        }
    }

private:
    std::string sealed(const std::string& content, TlsContent type, std::size_t padding) {
        return forge_.record(TlsForge::with_type(content, static_cast<int>(type), padding));
    }
    // Its header stays that of a record.
    static std::string garbled(std::string record, std::uint8_t at, std::uint8_t by) {
        char& byte = record[tls_header_bytes + at % (record.size() - tls_header_bytes)];
        byte = static_cast<char>(byte ^ (by | 1));
        return record;
    }
    static std::string unsealed(const std::string& body, std::uint8_t type) {
        std::string header = TlsForge::header_for(body.size());
        header[0] = static_cast<char>(20 + type % 4);
        return header + body;
    }

    // OpenSSL waits for a header before it refuses a handshake message, we do not.
    void hear_inner(const std::string& inner) {
        const std::string_view text = std::string_view(inner).substr(0, inner.find_last_not_of('\0') + 1);
        const bool is_handshake = text.ends_with(static_cast<char>(TlsContent::handshake));
        if (is_handshake && text.size() > 1 && text.size() < 5 && text[0] != '\x18') return;
        if (text.size() == 3 && text.ends_with("\x5a\x15")) canceled_ = true;
        hear(forge_.record(inner));
    }

    void update_key(char request) {
        hear(sealed(std::string("\x18\0\0\x01", 4) + request, TlsContent::handshake, 0));
        forge_.update();
    }

    void hear(const std::string& record) {
        const Status theirs = theirs_.hear(record), ours = ours_.hear(record);
        // OpenSSL takes a close_notify behind user_canceled for an error.
        require(ours == theirs || (canceled_ && ours == Status::closed && theirs == Status::failed));
        require(ours_.plain == theirs_.plain);
        if (ours == Status::more) ++quiet_;
        over_ = ours == Status::failed || ours == Status::closed;
        if (ours == Status::failed) require(same_refusal(ours_, theirs_));
    }

    void send(const std::string& text) {
        theirs_.send(text);
        ours_.send(text);
        require(ours_.text == theirs_.text);
    }

    TlsForge forge_;
    Side theirs_, ours_;
    int quiet_ = 0;
    bool over_ = false;
    bool canceled_ = false;
};

}  // namespace
}  // namespace rookery

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rookery;
    static const auto contexts = make_contexts();
    static const char* const ciphers[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                          "TLS_CHACHA20_POLY1305_SHA256"};
    Input input(data, size);
    test::MemoryClient client(ciphers[input.byte() % 3]);
    TlsWorkspace workspace;
    auto theirs = test::shake_hands(client, contexts, workspace);
    theirs->secured();
    Run run(client, std::move(theirs));
    while (!input.empty() && !run.over()) run.act(input.byte(), input);
    return 0;
}
