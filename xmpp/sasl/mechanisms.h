// The mechanisms themselves, for make_sasl_mechanism and for tests.
#pragma once

#include <memory>
#include <string>

#include "xmpp/sasl/mechanism.h"

namespace rookery {

// RFC 4616.
std::unique_ptr<SaslMechanism> make_plain(SaslContext context);

// RFC 5802, RFC 7677; with_binding: the -PLUS form. server_nonce: our part of the nonce, printable and without ','.
std::unique_ptr<SaslMechanism> make_scram(HashAlgorithm algorithm, bool with_binding, SaslContext context,
                                          std::string server_nonce);

}  // namespace rookery
