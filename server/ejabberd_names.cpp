#include "server/ejabberd_names.h"

#include <algorithm>
#include <array>
#include <span>

namespace rookery {
namespace {

struct Name {
    std::string_view name;  // "ldap_*": every name that begins so
    std::string_view hint;
};

constexpr std::string_view own_database = "data is kept in the server's own database, see default_db";
constexpr std::string_view own_caches = "caches are bounded and sized by the server itself";
constexpr std::string_view own_tls = "TLS 1.2 and newer with safe ciphers only; nothing to set";
constexpr std::string_view not_provided = "not provided";
constexpr std::string_view no_federation = "connections to other servers are not provided yet";
constexpr std::string_view no_http = "HTTP is not provided yet";
constexpr std::string_view no_external_login = "only the server's own accounts can log in";
constexpr std::string_view no_captcha = "CAPTCHA is not provided";
constexpr std::string_view no_cluster = "one machine is one server; nothing to set";
constexpr std::string_view own_queues = "every queue is bounded by the server itself";
constexpr std::string_view log_rotation = "rotate with logrotate and call reopen_log";
constexpr std::string_view coturn = "use coturn for STUN and TURN";
constexpr std::string_view always_on = "it is always on; remove the line";

constexpr std::array top_level{
    Name{"acme", "use certbot or another ACME client, and certfiles"},
    Name{"allow_contrib_modules", not_provided},
    Name{"allow_multiple_connections", "anonymous login is not provided"},
    Name{"anonymous_protocol", "anonymous login is not provided"},
    Name{"api_permissions", "commands are for whoever may open the control socket"},
    Name{"auth_cache_*", own_caches},
    Name{"auth_opts", no_external_login},
    Name{"auth_password_types_hidden_in_sasl1", not_provided},
    Name{"auth_stored_password_types", "set auth_scram_hash"},
    Name{"auth_use_cache", own_caches},
    Name{"c2s_cafile", "client certificates are not provided"},
    Name{"c2s_ciphers", own_tls},
    Name{"c2s_dhfile", own_tls},
    Name{"c2s_protocol_options", own_tls},
    Name{"c2s_tls_compression", "TLS compression is unsafe and never used"},
    Name{"ca_file", no_federation},
    Name{"cache_*", own_caches},
    Name{"captcha_*", no_captcha},
    Name{"cluster_*", no_cluster},
    Name{"default_ram_db", own_database},
    Name{"domain_balancing", "a component has one connection"},
    Name{"ext_api_*", no_external_login},
    Name{"extauth_*", no_external_login},
    Name{"fqdn", "DIGEST-MD5 is obsolete and not provided"},
    Name{"hide_sensitive_log_data", "passwords and message bodies are never logged"},
    Name{"hosts_alias", "list every domain under hosts"},
    Name{"install_contrib_modules", not_provided},
    Name{"jwt_*", no_external_login},
    Name{"ldap_*", no_external_login},
    Name{"log_burst_limit_*", not_provided},
    Name{"log_modules_fully", "set loglevel"},
    Name{"log_rotate_*", log_rotation},
    Name{"max_fsm_queue", own_queues},
    Name{"net_ticktime", no_cluster},
    Name{"new_sql_schema", "the tables are the server's own; one set of them serves all hosts"},
    Name{"oauth_*", "OAuth is not provided"},
    Name{"oom_*", own_queues},
    Name{"outgoing_s2s_*", no_federation},
    Name{"pam_*", no_external_login},
    Name{"pgsql_users_number_estimate", own_database},
    Name{"queue_*", own_queues},
    Name{"redis_*", own_database},
    Name{"replaced_connection_timeout", not_provided},
    Name{"rest_proxy*", no_external_login},
    Name{"router_*", no_cluster},
    Name{"rpc_timeout", no_cluster},
    Name{"s2s_*", no_federation},
    Name{"sm_*", no_cluster},
    Name{"sql_keepalive_interval", "TCP keeps every connection alive"},
    Name{"sql_prepared_statements", "statements are always prepared"},
    Name{"sql_queue_type", own_queues},
    Name{"sql_start_interval", "a lost connection comes back within a second of the database"},
    Name{"sql_*", not_provided},
    Name{"trusted_proxies", "set trusted_proxies in the listener"},
    Name{"update_sql_schema", "tables are always brought up to date at the start"},
    Name{"use_cache", own_caches},
    Name{"validate_stream", not_provided},
    Name{"version", "see the options of the module version"},
    Name{"websocket_*", no_http},
};

// Those that a module of ours implements are found before this list is asked.
constexpr std::array modules{
    Name{"mod_adhoc", not_provided},
    Name{"mod_adhoc_api", not_provided},
    Name{"mod_admin_extra", "the commands are always there; remove the line"},
    Name{"mod_admin_update_sql", own_database},
    Name{"mod_announce", not_provided},
    Name{"mod_antispam", not_provided},
    Name{"mod_auth_fast", not_provided},
    Name{"mod_avatar", not_provided},
    Name{"mod_block_strangers", not_provided},
    Name{"mod_blocking", not_provided},
    Name{"mod_bosh", no_http},
    Name{"mod_caps", always_on},
    Name{"mod_carboncopy", not_provided},
    Name{"mod_client_state", not_provided},
    Name{"mod_configure", "use the command line"},
    Name{"mod_conversejs", no_http},
    Name{"mod_delegation", not_provided},
    Name{"mod_disco", always_on},
    Name{"mod_fail2ban", not_provided},
    Name{"mod_host_meta", no_http},
    Name{"mod_http_api", no_http},
    Name{"mod_http_fileserver", no_http},
    Name{"mod_http_upload", no_http},
    Name{"mod_http_upload_quota", no_http},
    Name{"mod_invites", not_provided},
    Name{"mod_jidprep", not_provided},
    Name{"mod_last", not_provided},
    Name{"mod_legacy_auth", "XEP-0078 is obsolete and not provided"},
    Name{"mod_mam", not_provided},
    Name{"mod_matrix_gw", not_provided},
    Name{"mod_metrics", not_provided},
    Name{"mod_mix", not_provided},
    Name{"mod_mix_pam", not_provided},
    Name{"mod_mqtt", "use an MQTT broker"},
    Name{"mod_mqtt_bridge", "use an MQTT broker"},
    Name{"mod_muc", not_provided},
    Name{"mod_muc_admin", not_provided},
    Name{"mod_muc_log", not_provided},
    Name{"mod_muc_occupantid", not_provided},
    Name{"mod_muc_rtbl", not_provided},
    Name{"mod_multicast", not_provided},
    Name{"mod_offline", not_provided},
    Name{"mod_ping", not_provided},
    Name{"mod_pres_counter", not_provided},
    Name{"mod_privacy", "privacy lists are obsolete; clients use the blocking command"},
    Name{"mod_private", not_provided},
    Name{"mod_privilege", not_provided},
    Name{"mod_providers", not_provided},
    Name{"mod_proxy65", "not provided; clients use HTTP upload"},
    Name{"mod_pubsub", not_provided},
    Name{"mod_pubsub_serverinfo", not_provided},
    Name{"mod_push", not_provided},
    Name{"mod_push_keepalive", not_provided},
    Name{"mod_register", not_provided},
    Name{"mod_register_web", no_http},
    Name{"mod_roster", not_provided},
    Name{"mod_s2s_bidi", no_federation},
    Name{"mod_s2s_dialback", no_federation},
    Name{"mod_scram_upgrade", not_provided},
    Name{"mod_service_log", not_provided},
    Name{"mod_shared_roster", not_provided},
    Name{"mod_shared_roster_ldap", no_external_login},
    Name{"mod_sic", not_provided},
    Name{"mod_sip", not_provided},
    Name{"mod_stats", "use the command stats"},
    Name{"mod_stream_mgmt", not_provided},
    Name{"mod_stun_disco", coturn},
    Name{"mod_time", not_provided},
    Name{"mod_tombstones", not_provided},
    Name{"mod_vcard", not_provided},
    Name{"mod_vcard_ldap", no_external_login},
    Name{"mod_vcard_xupdate", not_provided},
    Name{"mod_version", not_provided},
};

constexpr std::array listeners{
    Name{"ejabberd_s2s_in", no_federation},
    Name{"ejabberd_http", no_http},
    Name{"ejabberd_http_ws", no_http},
    Name{"ejabberd_stun", coturn},
    Name{"ejabberd_sip", not_provided},
    Name{"ejabberd_xmlrpc", "use the command line"},
    Name{"mod_mqtt", "use an MQTT broker"},
    Name{"mod_proxy65", "not provided; clients use HTTP upload"},
};

constexpr std::array module_options{
    Name{"db_type", own_database},  Name{"ram_db_type", own_database}, Name{"use_cache", own_caches},
    Name{"cache_size", own_caches}, Name{"cache_missed", own_caches},  Name{"cache_life_time", own_caches},
    Name{"queue_type", own_queues},
};

std::optional<std::string_view> find(std::span<const Name> names, std::string_view wanted) {
    for (const Name& each : names) {
        const bool family = each.name.ends_with('*');
        const std::string_view stem = each.name.substr(0, each.name.size() - (family ? 1 : 0));
        if (family ? wanted.starts_with(stem) : wanted == stem) return each.hint;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string_view> ejabberd_option_hint(std::string_view option) { return find(top_level, option); }

std::optional<std::string_view> ejabberd_module_hint(std::string_view module) { return find(modules, module); }

std::optional<std::string_view> ejabberd_listener_hint(std::string_view module) { return find(listeners, module); }

std::optional<std::string_view> ejabberd_common_module_option_hint(std::string_view option) {
    return find(module_options, option);
}

}  // namespace rookery
