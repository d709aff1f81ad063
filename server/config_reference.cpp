// The commented example, conf/rookery.yml, made of what the tables of options say.
#include "server/config_sections.h"

namespace rookery {
namespace {

std::string describe(const OptionInfo& info) {
    std::string about = info.type == "one of" ? "" : info.type;
    if (!info.range.empty()) about += (about.empty() ? "" : ", ") + info.range;
    if (info.required) about += ", required";
    if (info.restart) about += ", a change needs a restart";
    for (const std::string& alias : info.aliases) about += ", also " + alias;
    return info.doc + (about.empty() ? "" : " (" + about + ")");
}

void write_options(const std::vector<OptionInfo>& infos, std::string_view indent, std::string& out) {
    for (const OptionInfo& info : infos) {
        out += "# " + std::string(indent) + "# " + describe(info) + "\n";
        out += "# " + std::string(indent) + info.name + ":" +
               (info.default_text.empty() ? "" : " " + info.default_text) + "\n";
        if (info.type == "list of maps") out += "# " + std::string(indent) + "  -\n";
        write_options(info.nested, std::string(indent) + "    ", out);
    }
}

void write_module(const ModuleSpec& spec, std::string& out) {
    out += "#\n#   # " + spec.summary;
    for (const Xep& xep : spec.xeps) {
        std::string number = std::to_string(xep.number);
        number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
        out += " (XEP-" + number + " " + xep.version + ")";
    }
    out += spec.default_on ? "\n" : "; off by default\n";
    out += "#   " + spec.name + ":" + (spec.options.empty() ? " {}" : "") + "\n";
    write_options(spec.options, "    ", out);
}

}  // namespace

std::string config_reference(std::span<const ModuleSpec* const> modules) {
    std::string out =
        "# Every option there is, with its default. Made by `rookery generate`: do not edit,\n"
        "# copy what you need into your own file and remove the first '# '.\n#\n";
    write_options(global_table().list(), "", out);
    write_options(host_map_options(), "", out);
    write_options(host_options(), "", out);
    for (const ModuleSpec* spec : modules) write_module(*spec, out);
    return out;
}

}  // namespace rookery
