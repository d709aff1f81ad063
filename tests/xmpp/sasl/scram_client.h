// A small SCRAM client with every piece in the open, so that tests can send right and wrong messages.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "xmpp/sasl/credentials.h"
#include "xmpp/sasl/mechanism.h"

namespace rookery {

struct ScramClient {
    HashAlgorithm algorithm = HashAlgorithm::sha256;
    std::string password = "pencil";
    std::string gs2_header = "n,,";
    std::string first_bare = "n=user,r=client-nonce";
    std::string binding_data;
    std::string extension;  // ",x=..." before the proof

    // From the challenge:
    std::string server_first;
    std::string auth_message;
    std::string salted;

    std::string first() const { return gs2_header + first_bare; }

    static std::string attribute(std::string_view message, char name) {
        const std::string start = std::string(1, name) + "=";
        std::size_t at = message.starts_with(start) ? 0 : message.find("," + start);
        if (at == std::string_view::npos) return "";
        if (at != 0) ++at;
        const std::string_view rest = message.substr(at + 2);
        return std::string(rest.substr(0, rest.find(',')));
    }

    std::string without_proof(std::string_view nonce) const {
        return "c=" + base64_encode(gs2_header + binding_data) + ",r=" + std::string(nonce) + extension;
    }

    std::string proof_of(std::string_view text_without_proof) {
        salted = pbkdf2(algorithm, password, *base64_decode(attribute(server_first, 's')),
                        std::stoi(attribute(server_first, 'i')));
        auth_message = first_bare + "," + server_first + "," + std::string(text_without_proof);
        std::string client_key = hmac(algorithm, salted, "Client Key");
        const std::string signature = hmac(algorithm, hash(algorithm, client_key), auth_message);
        for (std::size_t i = 0; i < client_key.size(); ++i)
            client_key[i] = static_cast<char>(client_key[i] ^ signature[i]);
        return client_key;
    }

    std::string final(std::string_view challenge) {
        server_first = challenge;
        const std::string without = without_proof(attribute(server_first, 'r'));
        return without + ",p=" + base64_encode(proof_of(without));
    }

    // What the server proves itself with; valid after final().
    std::string expected_server_final() const {
        return "v=" + base64_encode(hmac(algorithm, hmac(algorithm, salted, "Server Key"), auth_message));
    }
};

}  // namespace rookery
