#include "server/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/module.h"

namespace rookery {
namespace {

struct EchoOptions {
    bool loud = false;
    std::string host;
    AccessRule access;
};

// Modules that are never made: only their declarations matter here.
class NoModule final : public Module {
public:
    NoModule(Host& host, const EchoOptions&) : Module(host) {}
};
class PlainModule final : public Module {
public:
    PlainModule(Host& host, const NoOptions&) : Module(host) {}
};

const ModuleSpec echo = declare<NoModule, EchoOptions>("echo", "Says it again")
                            .implements(199, "2.0.1")
                            .needs("helper")
                            .option("loud", &EchoOptions::loud, "How it says it", alias("shout"))
                            .option("host", &EchoOptions::host, "Where it says it")
                            .option("access", &EchoOptions::access, "To whom");
const ModuleSpec helper = declare<PlainModule, NoOptions>("helper", "Helps").off_by_default();
const ModuleSpec roster = declare<PlainModule, NoOptions>("roster", "Contacts");
const std::vector<const ModuleSpec*> modules{&echo, &helper, &roster};

struct Loaded {
    std::optional<Config> config;
    ConfigProblems problems;
};

Loaded load(std::string text) {
    ConfigWorld world;
    world.read_file = [text](const std::string&) -> Result<std::string> { return text; };
    world.environment = [](const std::string&) { return std::nullopt; };
    Loaded loaded;
    loaded.config = load_config("f.yml", modules, world, loaded.problems);
    EXPECT_EQ(loaded.config.has_value(), loaded.problems.ok());
    return loaded;
}

Config good(std::string text) {
    Loaded loaded = load("hosts: [example.org]\n" + text);
    EXPECT_TRUE(loaded.config) << (loaded.problems.ok() ? "" : loaded.problems.errors.front());
    if (loaded.config) return std::move(*loaded.config);
    throw std::runtime_error("not good");
}

std::string error_of(std::string text) {
    const Loaded loaded = load("hosts: [example.org]\n" + text);
    return loaded.problems.ok() ? "accepted" : loaded.problems.errors.front();
}

std::string warning_of(std::string text) {
    const Loaded loaded = load("hosts: [example.org]\n" + text);
    EXPECT_TRUE(loaded.problems.ok()) << loaded.problems.errors.front();
    return loaded.problems.warnings.empty() ? "none" : loaded.problems.warnings.front();
}

std::vector<std::string> names_of(const HostOptions& host) {
    std::vector<std::string> names;
    for (const auto& module : host.modules) names.push_back(module.spec->name);
    return names;
}

const EchoOptions& echo_of(const HostOptions& host) {
    for (const auto& module : host.modules)
        if (module.spec == &echo) return *static_cast<const EchoOptions*>(module.options.get());
    throw std::runtime_error("no echo");
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

TEST(Config, TwelveLinesAreEnough) {
    const Config config = good("certfiles: [/etc/ssl/x.pem]\nlisten:\n  - port: 5222\n  - {port: 5223, tls: true}\n");
    ASSERT_EQ(config.hosts.size(), 1u);
    EXPECT_EQ(config.hosts[0]->domain, "example.org");
    EXPECT_EQ(config.global.negotiation_timeout, Seconds(30));
    EXPECT_EQ(config.global.auth_scram_iterations, 10'000);
    EXPECT_EQ(names_of(*config.hosts[0]), (std::vector<std::string>{"echo", "roster", "helper"}));
    ASSERT_EQ(config.global.listen.size(), 2u);
    EXPECT_TRUE(config.global.listen[0].offers_starttls());
    EXPECT_TRUE(config.global.listen[0].requires_starttls());
    EXPECT_FALSE(config.global.listen[1].offers_starttls());
    EXPECT_EQ(config.global.listen[0].pre_auth_max_stanza_size, 8_KB);
}

TEST(Config, HostsAreNeededValidAndNormal) {
    EXPECT_TRUE(contains(load("language: de\n").problems.errors.at(0), "'hosts' is missing"));
    EXPECT_TRUE(contains(load("").problems.errors.at(0), "'hosts' is missing"));
    EXPECT_TRUE(contains(load("hosts: []\n").problems.errors.at(0), "'hosts' is empty"));
    EXPECT_TRUE(contains(load("hosts: [a@b]\n").problems.errors.at(0), "no domain name"));
    EXPECT_TRUE(contains(load("hosts: [a.org, A.ORG]\n").problems.errors.at(0), "listed twice"));
    EXPECT_EQ(load("hosts: Example.ORG\n").config->global.hosts, std::vector<std::string>{"example.org"});
}

TEST(Config, O1UnknownOptionsNameTheNearest) {
    EXPECT_EQ(error_of("lisen: []\n"), "f.yml:2:1: unknown option 'lisen'; did you mean 'listen'?");
    EXPECT_EQ(error_of("zzzzzzzz: 1\n"),
              "f.yml:2:1: unknown option 'zzzzzzzz'; remove it, or look the name up in the manual");
    EXPECT_EQ(error_of("listen:\n  - port: 5222\n    starttls_require: true\n"),
              "f.yml:4:5: unknown option 'starttls_require'; did you mean 'starttls_required'?");
    EXPECT_EQ(error_of("modules:\n  rooster: {}\n"), "f.yml:3:3: unknown module 'rooster'; did you mean 'roster'?");
    EXPECT_EQ(error_of("modules:\n  echo:\n    luod: true\n"),
              "f.yml:4:5: unknown option 'luod'; did you mean 'loud'?");
}

// The folder is that of --data, and the socket is in it.
TEST(Config, TheDataFolderIsNoOption) {
    for (const std::string name : {"data_dir", "control_socket"})
        EXPECT_TRUE(contains(error_of(name + ": /srv/xmpp\n"), "unknown option '" + name + "'")) << name;
}

TEST(Config, O1AllFaultsAreToldAtOnce) {
    const Loaded loaded = load(
        "hosts: [a.org]\nloglevel: loud\nlisten: [{port: 0}]\nmax_user_sessions: ten\nbogus_thing: 1\n"
        "modules: {echo: {loud: maybe}}\naccess_rules: {x: {alow: all}}\n");
    EXPECT_EQ(loaded.problems.errors.size(), 6u);
    for (const std::string& error : loaded.problems.errors) EXPECT_EQ(error.rfind("f.yml:", 0), 0u) << error;
}

TEST(Config, O1MessagesNameTheCure) {
    EXPECT_EQ(error_of("max_user_sessions: ten\n"),
              "f.yml:2:20: 'max_user_sessions' must be a whole number from 1 to 1000, not 'ten'; write for example "
              "'max_user_sessions: 10'");
    EXPECT_TRUE(contains(error_of("listen: [{port: 70000}]\n"), "write for example 'port: 5222'"));
    EXPECT_TRUE(contains(error_of("negotiation_timeout: 2 fortnights\n"), "30 seconds"));
    EXPECT_TRUE(contains(error_of("resource_conflict: closeolder\n"), "resource_conflict: closeold'"));
}

// What was read, what is allowed, what to write instead: whatever the option's type.
TEST(Config, O1EachTypeOfOptionHasItsOwnMessage) {
    const std::pair<std::string, std::string> faults[] = {
        {"language: [de]", "11: 'language' must be a text, not a list; write for example 'language: en'"},
        {"log_file: {a: b}", "11: 'log_file' must be a text, not a map; write for example 'log_file: /var/log/rookery.log'"},
        {"certfiles: {a: b}",
         "12: 'certfiles' must be a list of texts, not a map; write for example 'certfiles: [/etc/rookery/example.org.pem]'"},
        {"disable_sasl_mechanisms: [[PLAIN]]",
         "27: 'disable_sasl_mechanisms' must be a list of texts, not a list; write for example 'disable_sasl_mechanisms: [PLAIN]'"},
        {"auth_scram_iterations: few",
         "24: 'auth_scram_iterations' must be a whole number from 4096 to 10000000, not 'few'; write for example "
         "'auth_scram_iterations: 10000'"},
        {"resource_conflict: newest",
         "20: 'resource_conflict' must be one of closeold, closenew or setresource, not 'newest'; write for example "
         "'resource_conflict: closeold'"},
        {"disable_sasl_scram_downgrade_protection: 'yes'",
         "42: 'disable_sasl_scram_downgrade_protection' must be true or false, without quotes, not 'yes'; write for example "
         "'disable_sasl_scram_downgrade_protection: false'"},
        {"registration_timeout: soon",
         "23: 'registration_timeout' must be a time from 0 seconds to 36500 days, or infinity, not 'soon'; write for example "
         "'registration_timeout: 10 minutes'"},
        {"listen: [{port: 1, max_stanza_size: 5}]",
         "37: 'max_stanza_size' must be a size in bytes from 10000 to 16 MB, not '5'; write for example "
         "'max_stanza_size: 256 KB'"},
        {"listen: [{port: 1, ip: localhost}]",
         "24: 'ip' must be an IP address, not 'localhost'; write for example 'ip: 127.0.0.1'"},
        {"listen: [{ip: 127.0.0.1}]", "10: 'port' is missing: TCP port; write for example 'port: 5222'"},
        {"shaper: {slow: {rate: 0}}",
         "23: 'rate' must be a size in bytes of at least 1, not '0'; write for example 'rate: 64 KB'"},
        {"acl: 5", "6: 'acl' must be a map of names to rules, not '5'; write for example 'acl: {admin: {user: bob@example.org}}'"},
        {"acl: {a: {user: '@'}}", "17: 'user: @' is no user name; write for example 'user: bob@example.org'"},
        {"modules: {echo: 5}", "17: 'echo' must be a map of options, not '5'; write for example 'echo: {}'"},
        {"host_config: {example.org: 5}",
         "28: 'example.org' must be a map of options, not '5'; write for example 'example.org: {language: de}'"},
        {"append_host_config: x",
         "21: 'append_host_config' must be a map of hosts to their options, not 'x'; write for example "
         "'append_host_config: {example.org: {language: de}}'"},
    };
    for (const auto& [text, message] : faults) EXPECT_EQ(error_of(text + "\n"), "f.yml:2:" + message);
}

TEST(Config, LanguagesAreTagsOfBcp47) {
    for (const std::string tag : {"en", "de-AT", "zh-Hant-TW", "sl-rozaj-biske-1994", "es-419"})
        EXPECT_EQ(error_of("language: " + tag + "\n"), "accepted") << tag;
    for (const std::string tag : {"''", "e", "en_GB", "en-", "-en", "en--GB", "3n", "deutschland", "en-toolongpart", "\"de fr\""})
        EXPECT_TRUE(contains(error_of("language: " + tag + "\n"), "must be a language tag like de or pt-BR (BCP 47), not ")) << tag;
}

TEST(Config, AFaultOfAllHostsIsToldOnce) {
    const Loaded loaded = load("hosts: [a.org, b.org, c.org]\nmodules: {echo: {loud: maybe}}\n");
    EXPECT_EQ(loaded.problems.errors.size(), 1u);
}

TEST(Config, LoglevelInWordsAndNumbers) {
    EXPECT_EQ(good("loglevel: debug\n").global.loglevel, LogLevel::debug);
    EXPECT_EQ(good("loglevel: notice\n").global.loglevel, LogLevel::info);
    EXPECT_EQ(good("loglevel: 3\n").global.loglevel, LogLevel::warning);
    EXPECT_TRUE(contains(error_of("loglevel: chatty\n"), "one of none"));
}

TEST(Config, LoginOptions) {
    const Config config = good(
        "auth_scram_hash: sha512\ndisable_sasl_mechanisms: [digest-md5, PLAIN]\nauth_method: [sql, mnesia]\n"
        "auth_scram_iterations: 20000\nresource_conflict: setresource\nauth_password_format: scram\n");
    EXPECT_EQ(config.global.auth_scram_hash, std::vector<HashAlgorithm>{HashAlgorithm::sha512});
    EXPECT_EQ(config.global.disable_sasl_mechanisms, (std::vector<std::string>{"DIGEST-MD5", "PLAIN"}));
    EXPECT_EQ(config.global.resource_conflict, ResourceConflict::setresource);
    EXPECT_TRUE(contains(error_of("auth_method: ldap\n"), "'ldap' is not provided"));
    EXPECT_TRUE(contains(error_of("auth_password_format: plain\n"), "scram"));
    EXPECT_TRUE(contains(error_of("auth_scram_hash: md5\n"), "sha256"));
    EXPECT_TRUE(contains(error_of("auth_scram_hash: []\n"), "not an empty list"));
    EXPECT_TRUE(contains(warning_of("disable_sasl_mechanisms: [plian]\n"), "did you mean 'PLAIN'"));
    EXPECT_EQ(warning_of("disable_sasl_mechanisms: [SCRAM-SHA-1-PLUS, x-oauth2]\n"), "none");
    EXPECT_TRUE(contains(error_of("auth_scram_iterations: 100\n"), "4096"));
}

TEST(Listeners, TlsAndStarttlsGoTogether) {
    const auto listener = [](std::string options) {
        return good("listen: [{port: 1" + (options.empty() ? "" : ", " + options) + "}]\n").global.listen.at(0);
    };
    EXPECT_TRUE(listener("starttls_required: true").requires_starttls());
    EXPECT_TRUE(listener("starttls: false, starttls_required: true").offers_starttls());
    EXPECT_FALSE(listener("starttls: false").offers_starttls());
    EXPECT_FALSE(listener("starttls: false").requires_starttls());
    EXPECT_TRUE(listener("starttls_required: false").offers_starttls());
    EXPECT_FALSE(listener("starttls_required: false").requires_starttls());
    EXPECT_FALSE(listener("tls: true, starttls_required: true").requires_starttls());
}

TEST(Listeners, Errors) {
    EXPECT_TRUE(contains(error_of("listen: 5222\n"), "list of listeners"));
    EXPECT_TRUE(contains(error_of("listen: [5222]\n"), "a map of options"));
    EXPECT_TRUE(contains(error_of("listen: [{}]\n"), "'port' is missing"));
    EXPECT_TRUE(contains(error_of("listen: [{port: 'unix:/tmp/x'}]\n"), "Unix socket"));
    EXPECT_TRUE(contains(error_of("listen: [{port: 1, ip: localhost}]\n"), "IP address"));
    EXPECT_TRUE(contains(error_of("listen: [{port: 1}, {port: 1}]\n"), "two listeners on port 1"));
    EXPECT_TRUE(contains(error_of("listen: [{port: 1, ip: '::1'}, {port: 1, ip: '0:0::1'}]\n"), "two listeners"));
    EXPECT_EQ(error_of("listen: [{port: 1, ip: 127.0.0.1}, {port: 1, ip: '::1'}]\n"), "accepted");
    EXPECT_TRUE(contains(error_of("listen: [{port: 1, module: my_module}]\n"), "ejabberd_c2s"));
    EXPECT_TRUE(contains(error_of("listen: [{port: 1, use_proxy_protocol: true}]\n"), "trusted_proxies: [10.0.0.5]"));
    EXPECT_TRUE(contains(error_of("listen: [{port: 1, trusted_proxies: [10.0.0.1/8]}]\n"), "no network"));
    EXPECT_EQ(error_of("listen: [{port: 1, access: c2s}]\n"),
              "f.yml:2:28: there is no access rule 'c2s'; add it under access_rules, or write all or none");
    EXPECT_TRUE(contains(error_of("shaper: {fast: 10}\nlisten: [{port: 1, shaper: fats}]\n"), "did you mean 'fast'"));
}

TEST(Listeners, ProxiesAndRules) {
    const Config config = good(
        "access_rules: {c2s: {deny: blocked, allow: all}}\nshaper: {fast: 1000}\n"
        "listen: [{port: 1, use_proxy_protocol: true, trusted_proxies: all, access: c2s, shaper: fast}]\n");
    EXPECT_EQ(config.global.listen[0].trusted_proxies, (std::vector<std::string>{"0.0.0.0/0", "::/0"}));
    EXPECT_TRUE(config.access().allows(config.global.listen[0].access, *Jid::parse("a@example.org")));
    EXPECT_EQ(config.access().shaper("fast", Jid()), (ShaperRate{1'000, 0}));
}

// D10.
TEST(Config, ComponentListeners) {
    const auto listen = [](const std::string& options) { return "listen: [{port: 1, module: ejabberd_service" + options + "}]\n"; };
    const Config config = good("shaper: {fast: 10}\n" +
                               listen(", hosts: {Push.example.org: {password: 'a b'}, irc.example.net: {password: c}}, shaper_rule: fast"));
    const ListenerConfig& listener = config.global.listen.at(0);
    EXPECT_TRUE(listener.for_components());
    ASSERT_EQ(listener.components.size(), 2u);
    EXPECT_EQ(listener.components[0].domain, "push.example.org");
    EXPECT_EQ(listener.components[0].password, "a b");
    EXPECT_EQ(listener.shaper, "fast");
    EXPECT_EQ(good(listen(", password: x, access: all")).global.listen.at(0).password, "x");
    EXPECT_TRUE(contains(error_of(listen("")), "needs 'hosts'"));
    EXPECT_TRUE(contains(error_of(listen(", hosts: {}")), "needs 'hosts'"));
    // D10
    EXPECT_TRUE(contains(error_of(listen(", hosts: {a.org: {password: ''}}")), "'password' must not be empty"));
    EXPECT_TRUE(contains(error_of(listen(", password: ''")), "'password' must not be empty"));
    EXPECT_TRUE(contains(error_of(listen(", hosts: {a.org: {}}")), "'password' is missing"));
    EXPECT_TRUE(contains(error_of(listen(", hosts: {a.org: x}")), "map of options"));
    EXPECT_TRUE(contains(error_of(listen(", hosts: [a.org]")), "map of domains"));
    EXPECT_TRUE(contains(error_of(listen(", hosts: {a@b.org: {password: x}}")), "no domain name"));
    EXPECT_TRUE(contains(error_of(listen(", hosts: {example.org: {password: x}}")), "one of the server's own hosts"));
    EXPECT_TRUE(contains(error_of(listen(", password: x, starttls: true")), "unknown option 'starttls'"));
    EXPECT_TRUE(contains(error_of(listen(", password: x, shaper_rule: fats")), "'fats'"));
    EXPECT_TRUE(contains(warning_of(listen(", password: x, check_from: false")), "own domain only"));
    EXPECT_TRUE(contains(warning_of(listen(", password: x, global_routes: true")), "one domain"));
}

TEST(Listeners, ShareOptionsByMergeKeys) {
    const std::string listeners = "listen:\n  - &usual\n    port: 5222\n    backlog: 7\n  - <<: *usual\n    port: 5223\n    tls: true\n";
    const Config config = good(listeners);
    ASSERT_EQ(config.global.listen.size(), 2u);
    EXPECT_EQ(config.global.listen[1].port, 5'223);
    EXPECT_EQ(config.global.listen[1].backlog, 7);
    EXPECT_TRUE(contains(error_of("listen:\n  - &usual\n    port: 5222\n    backlog: x\n  - <<: *usual\n    port: 5223\n"),
                         "f.yml:5:14: 'backlog' must be"));
}

TEST(Listeners, ThoseOfEjabberdsThatWeLackAreLeftOut) {
    const Loaded loaded = load(
        "hosts: [a.org]\nlisten:\n  - {port: 5269, module: ejabberd_s2s_in, max_stanza_size: 1}\n"
        "  - {port: 3478, module: ejabberd_stun, transport: udp}\n  - {port: 5222, zlib: true}\n");
    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(loaded.config->global.listen.size(), 1u);
    EXPECT_EQ(loaded.problems.warnings.size(), 3u);
}

TEST(Modules, BothNamesMeanTheSameOne) {
    EXPECT_EQ(names_of(*good("modules: {mod_roster: {}}\n").hosts[0]), std::vector<std::string>{"roster"});
    EXPECT_EQ(names_of(*good("modules: {roster:}\n").hosts[0]), std::vector<std::string>{"roster"});
    EXPECT_TRUE(contains(error_of("modules: {roster: {}, mod_roster: {}}\n"), "listed twice: 'roster' and 'mod_roster'"));
    EXPECT_TRUE(contains(error_of("modules: [roster]\n"), "a map of modules"));
}

TEST(Modules, WhatAModuleNeedsComesWithIt) {
    EXPECT_EQ(names_of(*good("modules: {echo: {}}\n").hosts[0]), (std::vector<std::string>{"echo", "helper"}));
    EXPECT_TRUE(good("modules: {}\n").hosts[0]->modules.empty());
}

TEST(Modules, ThoseOfEjabberdsThatWeLackAreLeftOut) {
    EXPECT_TRUE(contains(warning_of("modules: {mod_mqtt: {}}\n"), "'mod_mqtt' is left out"));
    EXPECT_TRUE(contains(warning_of("modules: {roster: {}, mod_stun_disco: {anything: 1}}\n"), "coturn"));
}

TEST(Modules, CommonOptionsOfEjabberdsOnlyWarn) {
    EXPECT_TRUE(contains(warning_of("modules: {roster: {db_type: sql, use_cache: true}}\n"), "'db_type' does nothing"));
}

TEST(Modules, OptionsAndTheirFingerprint) {
    const Config loud = good("modules: {echo: {shout: true, host: 'echo.@HOST@'}}\n"),
                 quiet = good("modules: {echo: {}}\n");
    EXPECT_TRUE(echo_of(*loud.hosts[0]).loud);
    EXPECT_EQ(echo_of(*loud.hosts[0]).host, "echo.example.org");
    EXPECT_NE(loud.hosts[0]->modules[0].fingerprint, quiet.hosts[0]->modules[0].fingerprint);
    EXPECT_EQ(quiet.hosts[0]->modules[0].fingerprint, good("modules:\n  echo: {}\n").hosts[0]->modules[0].fingerprint);
}

TEST(Modules, AccessRulesOfOptionsMustExist) {
    EXPECT_TRUE(contains(error_of("modules: {echo: {access: frends}}\naccess_rules: {friends: {allow: all}}\n"),
                         "did you mean 'friends'"));
    const Config config = good("modules: {echo: {access: [{deny: blocked}, allow]}}\nacl: {blocked: {user: eve}}\n");
    const AccessRule& rule = echo_of(*config.hosts[0]).access;
    EXPECT_FALSE(config.access().allows(rule, *Jid::parse("eve@example.org")));
    EXPECT_TRUE(config.access().allows(rule, *Jid::parse("bob@example.org")));
}

TEST(Modules, AclsOfRulesWrittenInPlaceMustExist) {
    const std::string acl = "acl: {friends: {user: bob}}\n";
    EXPECT_EQ(error_of(acl + "modules:\n  echo:\n    access:\n      - allow: frends\n"),
              "f.yml:6:16: no acl is named 'frends', so it matches nobody; did you mean 'friends'?");
    EXPECT_EQ(error_of(acl + "modules: {echo: {access: {allow: {acl: zzzzzz}}}}\n"),
              "f.yml:3:40: no acl is named 'zzzzzz', so it matches nobody; add it under acl");
    EXPECT_TRUE(contains(error_of(acl + "listen: [{port: 1, access: [{deny: [friend, all]}]}]\n"), "did you mean 'friends'?"));
    EXPECT_EQ(error_of(acl + "modules: {echo: {access: [{deny: blocked}, {allow: {acl: friends, ip: 10.0.0.0/8}}, allow]}}\n"),
              "accepted");
}

TEST(HostConfig, ReplacesForOneHost) {
    const Loaded loaded = load(
        "hosts: [a.org, b.org]\nlanguage: en\nmodules: {roster: {}, echo: {}}\n"
        "host_config:\n  B.org:\n    language: de\n    modules: {roster: {}}\n");
    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(loaded.config->hosts[0]->language, "en");
    EXPECT_EQ(loaded.config->hosts[1]->language, "de");
    EXPECT_EQ(names_of(*loaded.config->hosts[0]), (std::vector<std::string>{"roster", "echo", "helper"}));
    EXPECT_EQ(names_of(*loaded.config->hosts[1]), std::vector<std::string>{"roster"});
}

TEST(HostConfig, AppendsForOneHost) {
    const Loaded loaded = load(
        "hosts: [a.org, b.org]\nacl: {admin: {user: [x@a.org]}}\naccess_rules: {adm: {allow: admin}}\n"
        "modules: {echo: {host: h}}\n"
        "append_host_config:\n  b.org:\n    acl: {admin: {user: [y@b.org]}}\n    modules: {roster: {}, echo: {loud: "
        "true}}\n");
    ASSERT_TRUE(loaded.config) << loaded.problems.errors.front();
    const HostOptions& a = *loaded.config->hosts[0];
    const HostOptions& b = *loaded.config->hosts[1];
    EXPECT_FALSE(a.access->allows("adm", *Jid::parse("y@b.org")));
    EXPECT_TRUE(b.access->allows("adm", *Jid::parse("y@b.org")));
    EXPECT_TRUE(b.access->allows("adm", *Jid::parse("x@a.org")));
    EXPECT_EQ(names_of(b), (std::vector<std::string>{"echo", "roster", "helper"}));
    EXPECT_TRUE(echo_of(b).loud);
    EXPECT_EQ(echo_of(b).host, "h");
    EXPECT_FALSE(echo_of(a).loud);
}

TEST(HostConfig, RulesOfAHostStandBesideThoseOfAll) {
    const Loaded loaded = load(
        "hosts: [a.org]\naccess_rules: {x: {allow: all}, y: {allow: all}}\n"
        "host_config: {a.org: {access_rules: {y: {deny: all}}}}\n");
    ASSERT_TRUE(loaded.config);
    EXPECT_TRUE(loaded.config->access().allows("x", *Jid::parse("u@a.org")));
    EXPECT_FALSE(loaded.config->access().allows("y", *Jid::parse("u@a.org")));
}

TEST(Config, FaultsOfAFileThatIncludesItselfAreToldOnce) {
    const Loaded loaded = load("hosts: [example.org]\ninclude_config_file: f.yml\n");
    EXPECT_EQ(loaded.problems.errors.size(), 2u);  // includes itself; hosts given twice
}

TEST(HostConfig, Errors) {
    EXPECT_TRUE(contains(error_of("host_config: {exmple.org: {}}\n"), "did you mean 'example.org'"));
    EXPECT_TRUE(contains(error_of("host_config: {example.org: {listen: []}}\n"), "move it to the top level"));
    EXPECT_TRUE(contains(error_of("host_config: {example.org: {langage: de}}\n"), "did you mean 'language'"));
    EXPECT_TRUE(contains(error_of("host_config: {example.org: 5}\n"), "a map"));
    EXPECT_TRUE(contains(error_of("host_config: 5\n"), "a map of hosts"));
    EXPECT_TRUE(contains(error_of("append_host_config: {example.org: {}, EXAMPLE.org: {}}\n"),
                         "the host 'example.org' is given twice"));
}

TEST(Config, EjabberdsOptionsThatDoNothingHereOnlyWarn) {
    EXPECT_TRUE(contains(warning_of("c2s_ciphers: HIGH\n"), "'c2s_ciphers' does nothing here"));
    EXPECT_TRUE(contains(warning_of("log_rotate_count: 0\n"), "logrotate"));
    EXPECT_TRUE(contains(warning_of("ldap_servers: [x]\n"), "own accounts"));
    EXPECT_TRUE(contains(warning_of("host_config: {example.org: {default_ram_db: redis}}\n"), "own database"));
    EXPECT_TRUE(contains(warning_of("sql_keepalive_interval: 60\n"), "keeps every connection alive"));
}

TEST(Config, DataIsInPostgresWhenTheFileSaysSo) {
    const Config config = good(R"(
default_db: sql
sql_type: pgsql
sql_server: db.example.org
sql_port: 5433
sql_database: chat
sql_username: chatter
sql_password: 0815
sql_pool_size: 9
sql_connect_timeout: 7
sql_query_timeout: 1 minute
)");
    EXPECT_TRUE(config.uses_postgres());
    EXPECT_EQ(config.global.sql_port, 5'433);
    EXPECT_EQ(config.global.sql_password, "0815");
    EXPECT_EQ(config.global.sql_query_timeout, Seconds(60));
    EXPECT_FALSE(good("").uses_postgres());
    EXPECT_FALSE(good("default_db: mnesia\n").uses_postgres());
    EXPECT_FALSE(good("default_db: sql\nsql_type: sqlite\n").uses_postgres());
}

TEST(Config, NothingIsGuessedOfWhereDataIs) {
    const std::string sql = "default_db: sql\n", pgsql = "sql_type: pgsql\n";
    EXPECT_TRUE(contains(error_of(sql), "f.yml:2:13: 'default_db: sql' needs a 'sql_type' beside it; write 'sql_type: pgsql'"));
    EXPECT_TRUE(contains(error_of("sql_server: x\n"), "f.yml:2:1: 'sql_server' is for data in PostgreSQL, but nothing says"));
    EXPECT_TRUE(contains(error_of(pgsql), "write 'default_db: sql' and 'sql_type: pgsql' too, or remove"));
    EXPECT_TRUE(contains(warning_of("default_db: internal\n" + pgsql), "default_db says that data is in SQLite"));
    EXPECT_TRUE(contains(warning_of(sql + "sql_type: sqlite\nsql_database: x\n"), "with 'sql_type: sqlite' data is in the data"));
    EXPECT_TRUE(contains(warning_of(sql + pgsql + "durability: process\n"), "'durability' is for SQLite"));
    for (const std::string foreign : {"mysql", "mssql", "odbc"})
        EXPECT_TRUE(contains(error_of(sql + "sql_type: " + foreign + "\n"), "is not supported, only PostgreSQL and SQLite are; write"));
    EXPECT_TRUE(contains(error_of(sql + "sql_type: pgsq\n"), "write for example 'sql_type: pgsql'"));
    EXPECT_TRUE(contains(error_of("default_db: mysql\n"), "internal"));
    EXPECT_TRUE(contains(error_of(sql + pgsql + "sql_server: ''\n"), "must not be empty"));
    EXPECT_TRUE(contains(error_of(sql + pgsql + "sql_pool_size: 1\n"), "2 to 100"));
    EXPECT_TRUE(contains(error_of(sql + pgsql + "sql_ssl_verify: true\n"), "write 'sql_ssl: true' too"));
    EXPECT_TRUE(contains(error_of(sql + pgsql + "sql_ssl: true\nsql_ssl_verify: true\n"), "write for example 'sql_ssl_cafile"));
    EXPECT_TRUE(contains(error_of("host_config: {example.org: {sql_type: pgsql}}\n"), "move it to the top level"));
}

// A password that is no text would else be shown as what it is.
TEST(Config, NoMessageShowsThePassword) {
    EXPECT_EQ(error_of("default_db: sql\nsql_type: pgsql\nsql_password: [hunter2]\n").find("hunter2"), std::string::npos);
    const std::string known = config_reference(modules);
    EXPECT_TRUE(contains(known, "sql_password: \"\""));
}

// The shape of the file that ejabberd ships: every kind of rule it uses.
TEST(Config, AFileWrittenForEjabberdLoads) {
    const Loaded loaded = load(R"(
hosts: [localhost]
loglevel: info
define_macro:
  'CIPHERS': "HIGH:@STRENGTH"
c2s_ciphers: 'CIPHERS'
listen:
  -
    port: 5222
    ip: "::"
    module: ejabberd_c2s
    max_stanza_size: 262144
    shaper: c2s_shaper
    access: c2s
    starttls_required: true
  - {port: 5443, module: ejabberd_http, tls: true, request_handlers: {/api: mod_http_api}}
acl:
  admin:
     user:
       - ""
  local:
    user_regexp: ""
  loopback:
    ip: [127.0.0.0/8, ::1/128]
access_rules:
  local: {allow: local}
  c2s:
    deny: blocked
    allow: all
api_permissions:
  "console": {from: [ejabberd_ctl], who: all, what: "*"}
shaper:
  normal: {rate: 3000, burst_size: 20000}
  fast: 200000
shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: {5000: admin, 100: all}
  c2s_shaper: {none: admin, normal: all}
modules:
  mod_roster: {versioning: true}
  mod_caps: {}
  mod_proxy65: {access: local, max_connections: 5}
)");
    ASSERT_EQ(loaded.problems.errors.size(), 1u);  // the roster of this test has no options
    EXPECT_TRUE(contains(loaded.problems.errors[0], "versioning"));
    EXPECT_EQ(loaded.problems.warnings.size(), 5u);
}

TEST(Config, AFileForAnotherServerIsJudgedLeniently) {
    ConfigWorld world;
    world.read_file = [](const std::string&) -> Result<std::string> {
        return std::string("hosts: [a.org]\nbogus_thing: 1\nmodules: {roster: {versioning: true}, mod_mine: {}}\n");
    };
    world.environment = [](const std::string&) { return std::nullopt; };
    ConfigProblems problems;
    problems.lenient = true;
    EXPECT_TRUE(load_config("f.yml", modules, world, problems));
    EXPECT_EQ(problems.warnings.size(), 3u);
}

TEST(Config, ChangesNameWhatNeedsARestart) {
    const Config before = good("loglevel: info\nshards: 2\nlanguage: en\n"),
                 after = good("loglevel: debug\nshards: 4\n");
    const auto changes = config_changes(before, after);
    ASSERT_EQ(changes.size(), 3u);
    EXPECT_EQ(changes[0].option, "language");
    EXPECT_FALSE(changes[1].needs_restart);
    EXPECT_EQ(changes[2].option, "shards");
    EXPECT_TRUE(changes[2].needs_restart);
    EXPECT_TRUE(config_changes(before, before).empty());
}

TEST(Config, TheReferenceNamesEveryOption) {
    const std::string reference = config_reference(modules);
    for (const char* part :
         {"# hosts:", "# negotiation_timeout: 30 seconds", "#     max_stanza_size: 256 KB",
          "# access_rules:", "#   echo:", "#     loud: false", "(XEP-0199 2.0.1)", "off by default", "also shout",
          "a change needs a restart", "# loglevel: info", "auth_scram_hash: [sha256, sha512, sha]"})
        EXPECT_TRUE(contains(reference, part)) << part << "\n" << reference;
}

TEST(Config, ABrokenFileIsNoConfig) {
    EXPECT_FALSE(load("hosts: [a.org\n").config);
    EXPECT_FALSE(load("\t- x\n").config);
}

}  // namespace
}  // namespace rookery
