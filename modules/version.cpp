// Software version (XEP-0092): what the server says it is.
#include <sys/utsname.h>

#include "base/version.h"
#include "core/module.h"

namespace rookery {
namespace {

constexpr const char* version_ns = "jabber:iq:version";
const xml::Name query_name{version_ns, "query"};
const xml::Name name_name{version_ns, "name"};
const xml::Name version_name{version_ns, "version"};
const xml::Name os_name{version_ns, "os"};

struct VersionOptions {
    bool show_os = true;
};

// The kind of system, not its release: that would tell a stranger what to try on it.
std::string operating_system() {
    utsname system{};
    return uname(&system) == 0 ? system.sysname : "";
}

class Version final : public Module {
public:
    Version(Host& host, const VersionOptions& options) : Module(host), options_(options) {
        iq<&Version::answer>(IqType::get, query_name, At::host);
        feature(version_ns, At::host);
    }

private:
    IqReply answer(Iq) {
        xml::Element query(query_name);
        query.add_text_child(name_name, "Rookery");
        query.add_text_child(version_name, version());
        if (options_.show_os) query.add_text_child(os_name, operating_system());
        return query;
    }

    VersionOptions options_;
};

}  // namespace

extern const ModuleSpec version_module =
    declare<Version, VersionOptions>("version", "Tells the server's name and version")
        .implements(92, "1.1")
        .option("show_os", &VersionOptions::show_os, "Name the operating system too");

}  // namespace rookery
