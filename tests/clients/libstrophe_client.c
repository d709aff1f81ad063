/* Two libstrophe clients in one loop: Alice over STARTTLS, Bob over direct TLS. Both ping the server, then Alice
 * writes, Bob answers. Which SASL mechanism it took is read from its log (this version knows no -PLUS). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>
#include <time.h>

enum { SECONDS = 40, TURN_MS = 20, TEXT_SIZE = 256, NAME_SIZE = 64 };

struct user {
    const char *name;
    const char *way;
    char jid[TEXT_SIZE];
    xmpp_conn_t *connection;
    bool in;
    bool ponged;
    bool trusted; /* nobody had to be asked about the certificate */
    char got[TEXT_SIZE];
    char got_from[TEXT_SIZE];
};

static struct user alice = {.name = "alice", .way = "STARTTLS", .trusted = true};
static struct user bob = {.name = "bob", .way = "direct TLS", .trusted = true};
static char mechanism[NAME_SIZE]; /* of the last login */
static int failures;

static const char TEXT[] = "from C <with> & \xe2\x98\x83";
static const char ANSWER[] = "well received";

static const char *need(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL) {
        fprintf(stderr, "%s is not set\n", name);
        exit(2);
    }
    return value;
}

static void report(const char *what, bool held, const char *why)
{
    failures += !held;
    printf(held ? "ok %s\n" : "not ok %s: %s\n", what, why);
    fflush(stdout);
}

static void on_log(void *data, xmpp_log_level_t level, const char *area, const char *text)
{
    (void)data;
    (void)level;
    fprintf(stderr, "%s %s\n", area, text);
    const char *auth = strstr(text, "mechanism=\"");
    if (auth != NULL && strstr(text, "SENT: <auth") != NULL)
        snprintf(mechanism, sizeof mechanism, "%.*s", (int)strcspn(auth + 11, "\""), auth + 11);
}

static int on_certificate(const xmpp_tlscert_t *certificate, const char *error)
{
    (void)certificate;
    fprintf(stderr, "certificate: %s\n", error);
    alice.trusted = bob.trusted = false;
    return 0;
}

static int on_pong(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *data)
{
    (void)connection;
    const char *type = xmpp_stanza_get_type(stanza);
    ((struct user *)data)->ponged = type != NULL && strcmp(type, "result") == 0;
    return 0;
}

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *data)
{
    struct user *self = data;
    char *body = xmpp_message_get_body(stanza);
    if (body != NULL) {
        snprintf(self->got, sizeof self->got, "%s", body);
        snprintf(self->got_from, sizeof self->got_from, "%s", xmpp_stanza_get_from(stanza));
        xmpp_free(xmpp_conn_get_context(connection), body);
    }
    return 1;
}

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *data)
{
    struct user *self = data;
    (void)error;
    (void)stream_error;
    self->in = event == XMPP_CONN_CONNECT;
    if (!self->in)
        return;
    xmpp_ctx_t *context = xmpp_conn_get_context(connection);
    xmpp_stanza_t *presence = xmpp_presence_new(context);
    xmpp_send(connection, presence);
    xmpp_stanza_release(presence);
    xmpp_stanza_t *ping = xmpp_iq_new(context, "get", "ping-1");
    xmpp_stanza_t *payload = xmpp_stanza_new(context);
    xmpp_stanza_set_to(ping, need("DOMAIN"));
    xmpp_stanza_set_name(payload, "ping");
    xmpp_stanza_set_ns(payload, "urn:xmpp:ping");
    xmpp_stanza_add_child_ex(ping, payload, 0);
    xmpp_id_handler_add(connection, on_pong, "ping-1", self);
    xmpp_send(connection, ping);
    xmpp_stanza_release(ping);
}

static bool begin(xmpp_ctx_t *context, struct user *user, const char *account, const char *port, long flags)
{
    user->connection = xmpp_conn_new(context);
    snprintf(user->jid, sizeof user->jid, "%s@%s/%s", need(account), need("DOMAIN"), user->name);
    xmpp_conn_set_jid(user->connection, user->jid);
    xmpp_conn_set_pass(user->connection, need("PASSWORD"));
    xmpp_conn_set_cafile(user->connection, need("CA"));
    xmpp_conn_set_certfail_handler(user->connection, on_certificate);
    xmpp_conn_set_flags(user->connection, flags);
    xmpp_handler_add(user->connection, on_message, NULL, "message", NULL, user);
    const unsigned short number = (unsigned short)atoi(need(port));
    return xmpp_connect_client(user->connection, need("HOST"), number, on_connection, user) == 0;
}

static void write_to(struct user *from, const struct user *to, const char *text)
{
    xmpp_ctx_t *context = xmpp_conn_get_context(from->connection);
    xmpp_stanza_t *message = xmpp_message_new(context, "chat", to->jid, text == TEXT ? "m-1" : "m-2");
    xmpp_message_set_body(message, text);
    xmpp_send(from->connection, message);
    xmpp_stanza_release(message);
}

static bool alice_ponged(void) { return alice.ponged; }
static bool bob_ponged(void) { return bob.ponged; }
static bool bob_got(void) { return bob.got[0] != 0; }
static bool alice_got(void) { return alice.got[0] != 0; }
static bool both_out(void) { return !alice.in && !bob.in; }

static bool wait_for(xmpp_ctx_t *context, bool (*holds)(void), time_t end)
{
    while (!holds() && time(NULL) < end)
        xmpp_run_once(context, TURN_MS);
    return holds();
}

static void check_login(const struct user *user)
{
    char what[TEXT_SIZE];
    snprintf(what, sizeof what, "login over %s by %s, certificate verified, ping", user->way, mechanism);
    report(what, user->in && user->ponged && user->trusted, user->in ? "no pong, or not trusted" : "not logged in");
}

int main(void)
{
    const time_t end = time(NULL) + SECONDS;
    const xmpp_log_t log = {on_log, NULL};
    xmpp_initialize();
    xmpp_ctx_t *context = xmpp_ctx_new(NULL, &log);
    if (begin(context, &alice, "ALICE", "PORT", XMPP_CONN_FLAG_MANDATORY_TLS))
        wait_for(context, alice_ponged, time(NULL) + SECONDS / 4);
    check_login(&alice);
    if (begin(context, &bob, "BOB", "TLS_PORT", XMPP_CONN_FLAG_LEGACY_SSL))
        wait_for(context, bob_ponged, time(NULL) + SECONDS / 4);
    check_login(&bob);
    if (alice.in && bob.in) {
        write_to(&alice, &bob, TEXT);
        wait_for(context, bob_got, end);
        report("message from STARTTLS to direct TLS", strcmp(bob.got, TEXT) == 0, bob.got);
        report("it names its sender", strcmp(bob.got_from, alice.jid) == 0, bob.got_from);
        write_to(&bob, &alice, ANSWER);
        wait_for(context, alice_got, end);
        report("answer", strcmp(alice.got, ANSWER) == 0 && strcmp(alice.got_from, bob.jid) == 0, alice.got);
        xmpp_disconnect(alice.connection);
        xmpp_disconnect(bob.connection);
        report("the server ends both streams", wait_for(context, both_out, end), "still connected");
    }
    xmpp_conn_release(alice.connection);
    xmpp_conn_release(bob.connection);
    xmpp_ctx_free(context);
    xmpp_shutdown();
    return failures == 0 ? 0 : 1;
}
