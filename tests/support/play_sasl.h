// The client's half of SASL for tests: PLAIN (RFC 4616) and SCRAM without channel binding (RFC 5802, RFC 7677).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rookery::test {

class SaslClient {
public:
    virtual ~SaslClient() = default;
    virtual std::string first() = 0;                                            // the initial response
    virtual std::optional<std::string> answer(std::string_view challenge) = 0;  // nullopt: the server is not right
    virtual bool trusts(std::string_view success_data) = 0;                     // the server has shown that it knows us
};

// "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256" or "SCRAM-SHA-512"; nullptr for another.
std::unique_ptr<SaslClient> make_sasl_client(std::string_view mechanism, std::string_view user,
                                             std::string_view password);

// The best of those offered that we can do, or empty.
std::string_view choose_mechanism(const std::vector<std::string>& offered);

}  // namespace rookery::test
