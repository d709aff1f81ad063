// An administrator with a client that fills in forms, for tests of ad-hoc commands.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/test_client.h"

namespace rookery::test {

inline TestServerOptions administered(std::string more = "", unsigned shards = 1) {
    TestServerOptions options;
    options.shards = shards;
    options.config_yaml = "acl: {admin: {user: admin@localhost}}\n"
                          "access_rules: {configure: {allow: admin}, announce: {allow: admin}}\n" + more;
    return options;
}

class AdminClient {
public:
    using Fields = std::vector<std::pair<std::string, std::vector<std::string>>>;

    explicit AdminClient(TestServer& server) : client(server, "admin@localhost/desk") {}

    static std::string command(const std::string& node, const std::string& session, const std::string& form) {
        return "<iq type='set' id='c' to='localhost'><command xmlns='http://jabber.org/protocol/commands' "
               "node='http://jabber.org/protocol/admin#" + node + "'" + session + ">" + form + "</command></iq>";
    }

    std::string execute(const std::string& node) { return client.ask(command(node, "", "")); }

    // Executes, then sends the form in; the answer to that.
    std::string execute(const std::string& node, const Fields& fields) {
        const std::string asked = execute(node);
        const auto at = asked.find("sessionid='") + 11;
        const std::string session = " sessionid='" + asked.substr(at, asked.find('\'', at) - at) + "'";
        std::string form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
                           "<value>http://jabber.org/protocol/admin</value></field>";
        for (const auto& [var, values] : fields) {
            form += "<field var='" + var + "'>";
            for (const std::string& value : values) form += "<value>" + value + "</value>";
            form += "</field>";
        }
        return client.ask(command(node, session, form + "</x>"));
    }

    TestClient client;
};

}  // namespace rookery::test
