// Stream management (XEP-0198): says that it is there, and within which bounds. c2s does the work: counts belong to streams.
#include "core/module.h"
#include "core/services/stream_management_options.h"

namespace rookery {
namespace {

struct StreamMgmtOptions {
    Seconds resume_timeout{300};
    std::optional<Seconds> max_resume_timeout;
    Seconds ack_timeout{60};
    std::optional<std::string> location;
    std::size_t max_ack_queue = 1'000;
    ByteSize max_ack_size = 4_MB;
};

class StreamMgmt final : public Module {
public:
    StreamMgmt(Host& our_host, const StreamMgmtOptions& options) : Module(our_host) {
        StreamManagementOptions& offered = host().slots().get<StreamManagementOptions>();
        offered.on = true;
        offered.resume_timeout = options.resume_timeout;
        offered.max_resume_timeout = options.max_resume_timeout.value_or(options.resume_timeout);
        offered.ack_timeout = options.ack_timeout;
        offered.location = options.location.value_or("");
        offered.max_ack_queue = options.max_ack_queue;
        offered.max_ack_bytes = static_cast<std::size_t>(options.max_ack_size.bytes);
        stream_feature(xml::Element("urn:xmpp:sm:3", "sm"), StreamPhase::logged_in);
    }
    ~StreamMgmt() override { host().slots().get<StreamManagementOptions>().on = false; }
};

}  // namespace

extern const ModuleSpec stream_mgmt_module =
    declare<StreamMgmt, StreamMgmtOptions>("stream_mgmt", "Acknowledges stanzas and lets clients resume a lost stream")
        .implements(198, "1.6.3")
        .option("resume_timeout", &StreamMgmtOptions::resume_timeout,
                "How long a session waits for its client to come back; 0: no resumption")
        .option("max_resume_timeout", &StreamMgmtOptions::max_resume_timeout,
                "The longest a client may ask for (as resume_timeout where it is not set)")
        .option("ack_timeout", &StreamMgmtOptions::ack_timeout,
                "A client that owes an acknowledgement for so long has lost its connection", at_least(Seconds(1)))
        .option("location", &StreamMgmtOptions::location,
                "Where a client that lost its connection tries first to come back, as name:port or [address]:port (as it came where it is not set)")
        .option("max_ack_queue", &StreamMgmtOptions::max_ack_queue,
                "Stanzas sent to a client and not acknowledged; past that its session ends and its messages wait for the next",
                at_least(std::size_t{1}))
        .option("max_ack_size", &StreamMgmtOptions::max_ack_size, "The same in bytes")
        .ignored("resend_on_timeout", "messages nobody acknowledged always wait for the next session, or go to another")
        .ignored("queue_type", "queues are in memory, messages in the database")
        .ignored("cache_size", "the last counts of 10000 sessions are kept on each shard")
        .ignored("cache_life_time", "the last counts of 10000 sessions are kept on each shard");

}  // namespace rookery
