#include "tests/support/play_run.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <thread>

#include "tests/support/play_text.h"
#include "tests/support/xml_match.h"

namespace rookery::test {
namespace {

using xml::Element;
using xml::View;

struct PlaySkipped : std::runtime_error {
    using std::runtime_error::runtime_error;
};

constexpr int tries_for_a_relation = 100;

std::vector<std::string> split_words(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

// "a or b or c"
std::vector<std::string> split_choices(std::string_view text) {
    auto words = split_words(text);
    std::erase(words, "or");
    return words;
}

bool contains(const std::vector<std::string>& list, std::string_view wanted) {
    return std::ranges::find(list, wanted) != list.end();
}

View roster_item(View query, std::string_view jid) {
    for (View item : query.children())
        if (item.attr_or("jid", "") == jid) return item;
    return {};
}

std::string indented(std::string_view text) { return "\n    " + std::string(text); }

class Run {
public:
    Run(const Play& play, Driver& driver, PlayPace pace)
        : play_(play),
          driver_(driver),
          pace_(pace),
          names_(play, driver.account_suffix(), driver.domain(), driver.second_domain()) {}

    void all() {
        for (const auto& need : play_.needs)
            if (!driver_.has(need)) throw PlaySkipped("needs " + need);
        make_accounts();
        for (const auto& role : play_.clients) clients_.try_emplace(role.name, driver_, role, names_, pace_);
        for (const Step& step : play_.steps) {
            line_ = step.line;
            act(step);
        }
        for (auto& [name, client] : clients_) expect_nothing_from(client);
    }

    int line() const { return line_; }
    const PlayNames& names() const { return names_; }

private:
    void make_accounts() {
        for (const auto& account : play_.accounts) {
            if (!account.exists) continue;
            const auto made =
                driver_.make_account(names_.user(account.name), names_.domain(account.domain), play_password);
            if (!made && !account.fixed) throw PlayFailure("account " + account.name + ": " + made.error().message);
        }
    }

    void act(const Step& step) {
        switch (step.act) {
            case Act::wait:
                return wait(step);
            case Act::command:
                return command(step);
            case Act::sees:
                return make_see(step.who, step.other);
            case Act::asks_to_see:
                return ask_to_see(step.who, step.other);
            case Act::has_in_roster:
                return add_to_roster(step.who, step.other);
            default:
                return act_by(clients_.at(step.who), step);
        }
    }

    void act_by(PlayClientSession& client, const Step& step) {
        settle_others(client);
        switch (step.act) {
            case Act::connect:
                return connect(client);
            case Act::open_stream:
                return client.open_stream();
            case Act::restart_stream:
                return client.restart_stream();
            case Act::log_in:
                return client.log_in();
            case Act::bind:
                return bind(client);
            case Act::become_available:
                return become_available(client);
            case Act::fetch_roster:
                fetch_roster(client);
                return;
            case Act::disconnect:
                client.disconnect();
                return lost_sight();
            case Act::drop:
                client.drop();
                return lost_sight();
            case Act::expect_closed:
                return expect_closed(client);
            case Act::expect_nothing:
                return expect_nothing_from(client);
            case Act::skip_all:
                return skip_all(client);
            case Act::send:
                return send(client, step);
            case Act::send_bytes:
                return client.send(expanded(names_.to_real(step.text)));
            case Act::expect:
                return expect_in_order(client, step, MatchMode::exact);
            case Act::expect_part:
                return expect_in_order(client, step, MatchMode::subset);
            case Act::expect_any_order:
                return expect_any_order(client, step);
            case Act::expect_push:
                return expect_push(client, step);
            case Act::expect_roster:
                return expect_roster(client, step);
            case Act::expect_header:
                return expect_header(client, step);
            case Act::expect_feature:
                return expect_feature(client, step, true);
            case Act::expect_no_feature:
                return expect_feature(client, step, false);
            case Act::expect_error:
                return expect_error(client, step);
            case Act::expect_stream_error:
                return expect_stream_error(client, step);
            case Act::expect_login_failure:
                return expect_login_failure(client, step);
            default:
                throw PlayFailure("a client cannot do this");
        }
    }

    // What a play writes further up has happened before what stands further down: others' stanzas are waited for.
    void settle_others(const PlayClientSession& acting) {
        if (driver_.knows_idle()) return;
        for (auto& [name, client] : clients_)
            if (&client != &acting && client.has_unsynchronized()) client.synchronize();
    }

    // Nobody can tell from outside when the server has noticed that a connection ended.
    void lost_sight() {
        if (!driver_.knows_idle()) std::this_thread::sleep_for(pace_.silence / 3);
    }

    // --- clients

    void connect(PlayClientSession& client) {
        if (!client.is_connected()) expect_nothing_from(client);
        client.connect();
        if (client.role().raw) return;
        client.open_stream();
        client.log_in();
        bind(client);
    }

    void bind(PlayClientSession& client) {
        client.bind();
        captures_.insert_or_assign(client.role().name, client.full_jid());
    }

    void become_available(PlayClientSession& client) {
        const auto priority = client.role().priority;
        client.send(priority ? "<presence><priority>" + std::to_string(*priority) + "</priority></presence>"
                             : "<presence/>");
        client.take_where(
            [&](View element) {
                return element.is("jabber:client", "presence") && element.attr_or("from", "") == client.full_jid() &&
                       !element.attr("type");
            },
            "echo of its own presence");
    }

    Element fetch_roster(PlayClientSession& client) {
        note_interest(client);
        const std::string id = "play-roster-" + std::to_string(++requests_);
        return ask(client, "<iq type='get' id='" + id + "'><query xmlns='jabber:iq:roster'/></iq>", id);
    }

    void note_interest(PlayClientSession& client) {
        if (client.asked_for_roster) return;
        if (!driver_.has("interested-resources")) {
            settle(client);
            client.forget_where([](const Element& element) { return is_roster_push(element); });
        }
        client.asked_for_roster = true;
    }

    Element ask(PlayClientSession& client, std::string_view request, const std::string& id) {
        client.send(request);
        auto answer = client.take_where(
            [&](View element) {
                const auto type = element.attr_or("type", "");
                return element.is("jabber:client", "iq") && element.attr_or("id", "") == id && type != "get" &&
                       type != "set";
            },
            "answer");
        if (answer.attr("type") != "result") throw PlayFailure("expected a result, got" + indented(answer.to_string()));
        return answer;
    }

    std::string expanded(std::string_view text) {
        std::string why;
        auto made = expand(text, names_, captures_, &why);
        if (!made) throw PlayFailure(why);
        return std::move(*made);
    }

    void send(PlayClientSession& client, const Step& step) {
        const std::string text = expanded(names_.to_real(step.text));
        if (text.find("type='get'") != std::string::npos && text.find("jabber:iq:roster") != std::string::npos)
            note_interest(client);
        client.asked_for_blocklist |= text.find("<blocklist") != std::string::npos;
        client.send(text, step.pieces);
    }

    // --- what comes

    std::vector<Element> wanted_stanzas(std::string_view text) {
        std::string why;
        auto stanzas = parse_stanzas(names_.to_real(text), &why);
        if (!stanzas) throw PlayFailure("the expected XML is not well-formed: " + why);
        return std::move(*stanzas);
    }

    Element next_element(PlayClientSession& client, std::string_view expected) {
        auto arrival = client.next();
        if (arrival && arrival->kind == Arrival::Kind::element) {
            if (is_roster_push(*arrival->element)) answer_push(client, *arrival->element);
            return std::move(*arrival->element);
        }
        throw PlayFailure("expected" + indented(expected) + "\n  got" +
                          indented(arrival ? arrival->to_string() : "nothing"));
    }

    // A contact without resources may answer a probe with unavailable presence or not at all (RFC 6121 4.3.2), which
    // says the same: such presence, from a bare JID, is passed over where it is not expected. So are pushes of privacy
    // lists (XEP-0016), which some servers send to clients that know nothing of them.
    static bool says_nothing(const Element& element) {
        const bool of_an_account = element.view().attr_or("from", "/").find('/') == std::string_view::npos;
        if (element.view().is("jabber:client", "iq"))
            return element.attr("type") == "set" && element.view().first_child().is("jabber:iq:privacy", "query");
        return element.view().is("jabber:client", "presence") && element.attr("type") == "unavailable" && of_an_account;
    }

    // Servers that push to every connected resource are let be, unless a play is about that.
    bool is_unasked_push(PlayClientSession& client, const Element& element) const {
        if (driver_.has("interested-resources")) return false;
        return (is_roster_push(element) && !client.asked_for_roster) ||
               (is_block_push(element) && !client.asked_for_blocklist);
    }

    // The next element that is one of `wanted`, which it then leaves.
    void take_one_of(PlayClientSession& client, std::vector<Element>& wanted, MatchMode mode) {
        for (;;) {
            const Element got = next_element(client, wanted.front().to_string());
            const auto fitting = std::ranges::find_if(
                wanted, [&](const Element& want) { return !find_difference(want, got, mode, captures_); });
            if (fitting != wanted.end()) return void(wanted.erase(fitting));
            if (says_nothing(got) || is_unasked_push(client, got)) continue;
            const auto why = find_difference(wanted.front(), got, mode, captures_);
            throw differs((wanted.size() > 1 ? "(one of several) " : "") + wanted.front().to_string(), got,
                          why.value_or(""));
        }
    }

    static bool is_roster_push(const Element& element) {
        return element.view().is("jabber:client", "iq") && element.attr("type") == "set" &&
               element.view().first_child().is("jabber:iq:roster", "query");
    }

    static bool is_block_push(const Element& element) {
        return element.view().is("jabber:client", "iq") && element.attr("type") == "set" &&
               element.view().first_child().ns() == "urn:xmpp:blocking";
    }

    // RFC 6121 2.1.6: clients ignore a push from anybody but their account, and answer a good one.
    static void answer_push(PlayClientSession& client, const Element& push) {
        const std::string bare = client.full_jid().substr(0, client.full_jid().find('/'));
        const auto from = push.view().attr_or("from", bare);
        if (from != bare && from != client.full_jid()) throw PlayFailure("a roster push from " + std::string(from));
        std::string answer = "<iq type='result' id='";
        xml::escape(answer, push.view().attr_or("id", ""));
        client.send(answer + "'/>");
    }

    void expect_in_order(PlayClientSession& client, const Step& step, MatchMode mode) {
        for (Element& want : wanted_stanzas(step.text)) {
            std::vector<Element> wanted;
            wanted.push_back(std::move(want));
            take_one_of(client, wanted, mode);
        }
    }

    static PlayFailure differs(const std::string& want, const Element& got, const std::string& why) {
        return PlayFailure("expected" + indented(want) + "\n  got" + indented(got.to_string()) + "\n  because " + why);
    }

    void expect_any_order(PlayClientSession& client, const Step& step) {
        auto wanted = wanted_stanzas(step.text);
        while (!wanted.empty()) take_one_of(client, wanted, MatchMode::exact);
    }

    void expect_push(PlayClientSession& client, const Step& step) {
        auto wanted = wanted_stanzas("<iq type='set' id='{any}'><query xmlns='jabber:iq:roster' ver='{maybe}'>" +
                                     step.text + "</query></iq>");
        take_one_of(client, wanted, MatchMode::exact);
    }

    // "CONDITION [or CONDITION...] [for ID] [from JID] [of type TYPE]"
    void expect_error(PlayClientSession& client, const Step& step) {
        auto words = split_words(names_.to_real(step.text));
        std::string attributes;
        std::string type = "{any}";
        while (words.size() > 2) {
            const std::string value = words.back();
            const std::string key = words[words.size() - 2];
            if (key == "for")
                attributes += " id='" + value + "'";
            else if (key == "from")
                attributes += " from='" + value + "'";
            else if (key == "type")
                type = value;
            else
                break;
            words.resize(words.size() - (key == "type" ? 3 : 2));
        }
        std::erase(words, "or");
        const Element got = next_element(client, "the error " + step.text);
        std::string why;
        for (const auto& condition : words) {
            const auto want =
                wanted_stanzas("<" + std::string(got.view().local()) + " type='error'" + attributes + "><error type='" +
                               type + "'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></" +
                               std::string(got.view().local()) + ">");
            const auto difference = find_difference(want.front(), got, MatchMode::exact, captures_);
            if (!difference) return;
            why = *difference;
        }
        throw differs("the error " + step.text, got, why);
    }

    void expect_roster(PlayClientSession& client, const Step& step) {
        const auto want = wanted_stanzas("<iq type='result'><query xmlns='jabber:iq:roster' ver='{maybe}'>" +
                                         step.text + "</query></iq>");
        const Element got = fetch_roster(client);
        if (const auto why = find_difference(want.front(), got, MatchMode::exact, captures_))
            throw differs(want.front().to_string(), got, *why);
    }

    void expect_header(PlayClientSession& client, const Step& step) {
        const auto want = wanted_stanzas("<header " + step.text + "/>");
        const auto arrival = client.next();
        if (!arrival || arrival->kind != Arrival::Kind::header)
            throw PlayFailure("expected a stream header, got" + indented(arrival ? arrival->to_string() : "nothing"));
        Element got("jabber:client", "header");
        for (const auto& [name, value] : arrival->header.attributes)
            if (name.find(':') == std::string::npos) got.set(name, value);
        if (const auto why = find_difference(want.front(), got, MatchMode::subset, captures_))
            throw differs(want.front().to_string(), got, *why);
    }

    // The children of <stream:features/> that are written, among others.
    void expect_feature(PlayClientSession& client, const Step& step, bool offered) {
        const auto want = wanted_stanzas("<stream:features>" + step.text + "</stream:features>");
        if (!client.features()) throw PlayFailure("no stream features came yet");
        const auto why = find_difference(want.front(), *client.features(), MatchMode::subset, captures_);
        if (offered && why) throw differs(want.front().to_string(), *client.features(), *why);
        if (!offered && !why) throw PlayFailure("this was offered:" + indented(client.features()->to_string()));
    }

    void expect_stream_error(PlayClientSession& client, const Step& step) {
        const Element got = next_element(client, "the stream error " + step.text);
        const auto conditions = split_choices(step.text);
        bool fits = false;
        for (View child : got.children())
            fits |= child.ns() == "urn:ietf:params:xml:ns:xmpp-streams" && contains(conditions, child.local());
        if (!got.view().is("http://etherx.jabber.org/streams", "error") || !fits)
            throw PlayFailure("expected the stream error " + step.text + ", got" + indented(got.to_string()));
        expect_closed(client);
    }

    void expect_login_failure(PlayClientSession& client, const Step& step) {
        const auto failure = client.try_to_log_in();
        if (!contains(split_choices(step.text), failure))
            throw PlayFailure("expected a login failure " + step.text + ", got " +
                              (failure.empty() ? "success" : failure));
    }

    void expect_closed(PlayClientSession& client) {
        const auto arrival = client.next();
        const bool closed =
            arrival && (arrival->kind == Arrival::Kind::stream_end || arrival->kind == Arrival::Kind::closed);
        if (!closed)
            throw PlayFailure("expected the end of the stream, got" +
                              indented(arrival ? arrival->to_string() : "nothing"));
        client.drop();
        skip_leftovers(client);
    }

    static void skip_leftovers(PlayClientSession& client) {
        while (client.next(Milliseconds(0))) {
        }
    }

    // True when nothing more can be on its way to `client`, so that an empty inbox says something.
    void settle(PlayClientSession& client) {
        if (driver_.knows_idle()) return;
        settle_others(client);
        if (client.is_bound()) client.synchronize();
    }

    Milliseconds patience_for_nothing(const PlayClientSession& client) const {
        if (!client.is_connected()) return Milliseconds(0);
        return client.is_bound() ? pace_.grace : pace_.silence;
    }

    void expect_nothing_from(PlayClientSession& client) {
        settle(client);
        while (const auto arrival = client.next(patience_for_nothing(client))) {
            if (arrival->element && (says_nothing(*arrival->element) || is_unasked_push(client, *arrival->element)))
                continue;
            throw PlayFailure(client.role().name + " was to receive nothing more, got" +
                              indented(arrival->to_string()));
        }
    }

    void skip_all(PlayClientSession& client) {
        settle(client);
        while (client.next(patience_for_nothing(client))) {
        }
    }

    // --- the world

    void wait(const Step& step) {
        settle_all();
        if (const auto done = driver_.advance(step.time); !done) throw PlaySkipped(done.error().message);
    }

    void command(const Step& step) {
        settle_all();
        auto words = split_words(expanded(names_.to_real(step.text)));
        const std::string verb = words.front();
        words.erase(words.begin());
        const auto done = driver_.command(verb, words);
        if (done) return;
        if (done.error().code == ErrorCode::unavailable) throw PlaySkipped(done.error().message);
        throw PlayFailure("the command " + verb + " failed: " + done.error().message);
    }

    void settle_all() {
        for (auto& [name, client] : clients_)
            if (client.has_unsynchronized()) settle(client);
    }

    // --- relations between accounts, made by the accounts themselves over connections of their own that are never
    // available, so that nothing of it shows in the play

    class Stagehand {
    public:
        Stagehand(Run& run, std::string_view account)
            : role_(role_of(*run.play_.find_account(account))), session_(run.driver_, role_, run.names_, {}) {
            session_.connect();
            session_.open_stream();
            session_.log_in();
            session_.bind();
        }
        ~Stagehand() { leave(); }
        Stagehand(const Stagehand&) = delete;

        PlayClientSession& session() { return session_; }
        std::string bare() const { return session_.full_jid().substr(0, session_.full_jid().find('/')); }
        void presence(std::string_view type, const std::string& to) {
            session_.send("<presence type='" + std::string(type) + "' to='" + to + "'/>");
            session_.synchronize();
        }

    private:
        static PlayClient role_of(const PlayAccount& account) {
            PlayClient role;
            role.name = account.name;
            role.user = account.name;
            role.domain = account.domain;
            role.resource = "stagehand";
            return role;
        }
        void leave() noexcept {
            try {
                session_.disconnect();
            } catch (const PlayFailure&) {
                // The play says itself what went wrong.
            }
        }
        PlayClient role_;
        PlayClientSession session_;
    };

    void make_see(const std::string& watcher, const std::string& watched) {
        Stagehand asking(*this, watcher);
        Stagehand granting(*this, watched);
        asking.presence("subscribe", granting.bare());
        for (int tries = 0; tries < tries_for_a_relation; ++tries) {
            granting.presence("subscribed", asking.bare());
            const Element roster = fetch_roster(asking.session());
            const auto item = roster_item(roster.view().first_child(), granting.bare());
            const auto state = item ? item.attr_or("subscription", "none") : "none";
            if (state == "to" || state == "both") return;
            pause();
        }
        throw PlayFailure(watched + " could not make " + watcher + " see its presence");
    }

    void ask_to_see(const std::string& watcher, const std::string& watched) {
        Stagehand asking(*this, watcher);
        const auto* account = play_.find_account(watched);
        asking.presence("subscribe", names_.user(watched) + "@" + names_.domain(account->domain));
    }

    void add_to_roster(const std::string& owner, const std::string& contact) {
        Stagehand adding(*this, owner);
        const auto* account = play_.find_account(contact);
        ask(adding.session(),
            "<iq type='set' id='play-add'><query xmlns='jabber:iq:roster'><item jid='" + names_.user(contact) + "@" +
                names_.domain(account->domain) + "'/></query></iq>",
            "play-add");
    }

    void pause() {
        if (!driver_.knows_idle()) std::this_thread::sleep_for(Milliseconds(20));
    }

    const Play& play_;
    Driver& driver_;
    PlayPace pace_;
    PlayNames names_;
    Captures captures_;
    std::map<std::string, PlayClientSession, std::less<>> clients_;
    int line_ = 0;
    int requests_ = 0;
};

}  // namespace

PlayResult run_play(const Play& play, Driver& driver, PlayPace pace) {
    Run run(play, driver, pace);
    try {
        run.all();
        return {PlayResult::Verdict::passed, {}};
    } catch (const PlaySkipped& skipped) {
        return {PlayResult::Verdict::skipped, skipped.what()};
    } catch (const PlayFailure& failure) {
        const std::string where = play.file + ":" + std::to_string(run.line()) + ": ";
        return {PlayResult::Verdict::failed, where + run.names().to_symbolic(failure.what())};
    }
}

}  // namespace rookery::test
