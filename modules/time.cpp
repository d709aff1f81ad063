// Entity time (XEP-0202): what the server's clock says, and its offset from UTC.
#include <ctime>

#include "core/module.h"
#include "xmpp/payload/date_time.h"

namespace rookery {
namespace {

constexpr const char* time_ns = "urn:xmpp:time";
const xml::Name time_name{time_ns, "time"};
const xml::Name tzo_name{time_ns, "tzo"};
const xml::Name utc_name{time_ns, "utc"};

// XEP-0082: "Z" or "+01:00".
std::string offset_text(long seconds) {
    if (seconds == 0) return "Z";
    char text[16];
    const long minutes = std::labs(seconds) / 60;
    std::snprintf(text, sizeof text, "%c%02ld:%02ld", seconds < 0 ? '-' : '+', minutes / 60 % 24, minutes % 60);
    return text;
}

long local_offset(WallTime now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm local{};
    return localtime_r(&seconds, &local) ? local.tm_gmtoff : 0;
}

class Time final : public Module {
public:
    Time(Host& host, const NoOptions&) : Module(host) {
        iq<&Time::answer>(IqType::get, time_name, At::host);
        feature(time_ns, At::host);
    }

private:
    IqReply answer(Iq) {
        xml::Element time(time_name);
        time.add_text_child(tzo_name, offset_text(local_offset(now())));
        time.add_text_child(utc_name, format_date_time(now()));
        return time;
    }
};

}  // namespace

extern const ModuleSpec time_module = declare<Time>("time", "Tells the server's time").implements(202, "2.0");

}  // namespace rookery
