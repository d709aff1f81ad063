// Asking the handler of a request, for the router and for streams before login.
#pragma once

#include "core/features.h"

namespace rookery {

// What the handler throws, now or later, goes to the log and becomes internal-server-error: whoever asks gets an answer.
// A reply that is pending has its answer after one wait.
IqReply ask(const Features::Answerer& answerer, Iq iq);

// The stanza for whoever asked. REQUIRES: a request, and a reply that is not pending.
Stanza to_stanza(const Stanza& request, const IqReply& reply);

}  // namespace rookery
