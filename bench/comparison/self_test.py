"""bench/compare --self-test: the arithmetic, the table, the charts, perf's and callgrind's output, made-up figures."""
import pathlib
import sqlite3
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import servers
from comparison import charts, cost, report, start
from comparison.results import Results, Spread, judge
from comparison.scenarios import BARS, FIGURES, SCENARIO_OF, SCENARIOS, Bar, growth_of_rounds, rounds_of, scaled
from comparison.state import State


def made_up(**values):
    """Of figure chat-tls: server -> its values, round by round; None is a failed round."""
    results = Results()
    for server, rounds in values.items():
        for number, value in enumerate(rounds):
            results.add("chat-tls", server, number,
                        {"failed": "lost"} if value is None else {"cpu_us_per_message": value})
    return results


class Scenarios(unittest.TestCase):
    def test_every_bar_is_of_a_figure(self):
        for bar in BARS:
            self.assertIn(bar.figure, FIGURES)
            self.assertTrue(not bar.other or bar.other in FIGURES)

    def test_a_figure_has_one_scenario(self):
        self.assertEqual(len(FIGURES), sum(len(one.figures) for one in SCENARIOS.values()))
        self.assertEqual(SCENARIO_OF["storm-p99"], "storm")

    def test_accounts(self):
        self.assertEqual(SCENARIOS["idle-tls-19000"].accounts, 19_000)
        self.assertEqual(SCENARIOS["storm"].accounts, 5_100)
        self.assertEqual(SCENARIOS["phone"].accounts % 42, 0)
        self.assertEqual(SCENARIOS["phone-19000"].accounts % 42, 0)

    def test_rookery_is_asked_for_more_messages(self):
        self.assertEqual(SCENARIOS["chat-tls"].options_for("rookery")["messages"], 400_000)
        self.assertEqual(SCENARIOS["chat-tls"].options_for("prosody")["messages"], 100_000)

    def test_scaled_phones_stay_in_groups_and_pairs(self):
        small = scaled(SCENARIOS["phone"], 0.001)
        self.assertEqual((small.options["users"], small.options["warm-up-users"]), (42, 42))
        self.assertEqual(small.options["contacts"], 20)
        self.assertIs(scaled(SCENARIOS["phone"], 1), SCENARIOS["phone"])

    def test_peers_take_part_where_they_are_compared(self):
        self.assertEqual(rounds_of(SCENARIOS["chat-tls"], "ejabberd", 7), 7)
        self.assertEqual(rounds_of(SCENARIOS["phone"], "ejabberd", 7), 1)
        self.assertEqual(rounds_of(SCENARIOS["phone"], "rookery", 7), 7)
        self.assertEqual(rounds_of(SCENARIOS["chat-plain"], "relay", 7), 7)

    def test_growth(self):
        self.assertAlmostEqual(growth_of_rounds({"bytes_per_session_rounds": [900, 1500, 1000, 990, 1200, 1020, 1000, 1030]}), 0.02)
        self.assertIsNone(growth_of_rounds({}))


class Ratios(unittest.TestCase):
    def test_spread(self):
        self.assertEqual(Spread.of([3, 1, 2]), Spread(2, 1, 3))
        self.assertIsNone(Spread.of([]))

    def test_ratio_is_of_the_same_round(self):
        results = made_up(rookery=[10, 20, 30], relay=[5, 20, 10])
        self.assertEqual(results.ratio(("chat-tls", "rookery"), ("chat-tls", "relay")), Spread(2, 1, 3))

    def test_a_round_that_failed_is_left_out(self):
        results = made_up(rookery=[10, None, 30], relay=[5, 5, None])
        self.assertEqual(results.ratio(("chat-tls", "rookery"), ("chat-tls", "relay")), Spread(2, 2, 2))
        self.assertTrue(results.has("chat-tls", "relay", 1))
        self.assertFalse(results.has("chat-tls", "relay", 2))
        self.assertEqual(results.failure("chat-tls", "relay"), "lost")

    def test_best_peer(self):
        self.assertEqual(made_up(ejabberd=[9, 1, 9], prosody=[8, 8, 8], rookery=[1]).best_peer("chat-tls"), "prosody")
        self.assertIsNone(made_up(rookery=[1]).best_peer("chat-tls"))


class Bars(unittest.TestCase):
    def met(self, bar, **values):
        return judge(bar, made_up(**values)).met

    def test_at_most(self):
        bar = Bar("chat-tls", "at most", 10)
        self.assertIs(self.met(bar, rookery=[9, 10, 11]), True)
        self.assertIs(self.met(bar, rookery=[9, 11, 12]), False)

    def test_of_relay(self):
        bar = Bar("chat-tls", "of relay", 1.8)
        self.assertIs(self.met(bar, rookery=[18], relay=[10]), True)
        self.assertIs(self.met(bar, rookery=[19], relay=[10]), False)
        self.assertIsNone(self.met(bar, rookery=[19]))

    def test_below_peer(self):
        bar = Bar("chat-tls", "below peer", 4)
        self.assertIs(self.met(bar, rookery=[10], ejabberd=[100], jabberd2=[40]), True)
        self.assertIs(self.met(bar, rookery=[10], ejabberd=[100], jabberd2=[39]), False)
        self.assertEqual(judge(bar, made_up(rookery=[10], jabberd2=[39])).note, "times less than jabberd2")

    def test_flat_counts_both_ways(self):
        bar = Bar("idle-tls-19000", "flat", 3, "idle-tls")
        for value, met in ((1_029, True), (1_031, False), (971, True), (969, False)):
            results = Results()
            results.add("idle-tls", "rookery", 0, {"bytes_per_session": 1_000})
            results.add("idle-tls-19000", "rookery", 0, {"bytes_per_session": value})
            self.assertIs(judge(bar, results).met, met)

    def test_a_failure_of_rookery_misses(self):
        verdict = judge(Bar("chat-tls", "at most", 10), made_up(rookery=[9, None]))
        self.assertIs(verdict.met, False)
        self.assertIn("lost", verdict.note)

    def test_what_was_not_run_is_not_missed(self):
        self.assertIsNone(self.met(Bar("start", "at most", 100), rookery=[9]))


class States(unittest.TestCase):
    VERSIONS = {"rookery": "1", "prosody": "2"}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "state"
        self.state = State(self.path, self.VERSIONS)
        self.state.add({"kind": "round", "scenario": "login", "server": "rookery", "options": ["--users", "9"],
                        "result": 1})

    def test_what_was_measured_is_found_again(self):
        again = State(self.path, self.VERSIONS)
        self.assertEqual([one["result"] for one in again.find("login", "rookery", ["--users", "9"])], [1])
        self.assertEqual(len(again.dates()), 1)

    def test_other_options_are_another_measurement(self):
        self.assertEqual(self.state.find("login", "rookery", ["--users", "8"]), [])
        self.assertEqual(self.state.find("login", "prosody", ["--users", "9"]), [])

    def test_another_version_is_refused(self):
        with self.assertRaisesRegex(servers.Failure, "another rookery"):
            State(self.path, {**self.VERSIONS, "rookery": "1.1"})

    def test_one_more_server_is_not(self):
        self.assertEqual(len(State(self.path, {**self.VERSIONS, "jabberd2": "3"}).dates()), 1)


class Page(unittest.TestCase):
    LACKING = {"jabberd2": {"acks": "no stream management", "rooms": "no rooms"}, "rookery": {"rooms": "no rooms yet"}}
    NAMES = ["relay", "rookery", "prosody", "jabberd2"]

    def row(self, key, results):
        return report.figure_row(key, results, self.NAMES, self.LACKING)

    def test_row(self):
        results = made_up(relay=[5, 6, 7], rookery=[10, 12, 14], prosody=[1_240, 1_200, 1_260], jabberd2=[None])
        self.assertEqual(self.row("chat-tls", results),
                         ["chat, TLS 1.3: CPU per message, µs", "6 (5 to 7)", "12 (10 to 14)",
                          "1,240 (1,200 to 1,260)", "failed", "2", "100 (90 to 124)"])

    def test_less_work_is_marked(self):
        self.assertEqual(self.row("chat-tls", made_up(jabberd2=[98]))[4], "98 ¹")

    def test_what_a_server_lacks_is_said(self):
        self.assertEqual(self.row("room", Results())[1:5], ["–", "no rooms yet", "–", "no rooms"])

    def test_a_busy_machine_is_told(self):
        self.assertEqual(list(report.noise(made_up(relay=[10, 12.5], rookery=[1, 9]))), [])
        self.assertIn("differ by 1.26", "".join(report.noise(made_up(relay=[10, 12.6]))))

    def test_digits(self):
        self.assertEqual([report.digits(value) for value in (0, 0.6123, 1.5, 12.34, 123.4, 74_321)],
                         ["0", "0.612", "1.5", "12.3", "123", "74,321"])

    def test_instructions(self):
        counted = {("chat-tls", "relay"): 10_000, ("chat-tls", "rookery"): 25_000, ("chat-tls", "jabberd2"): 300_000}
        lacking = {"prosody": {"valgrind": "crashes"}}
        self.assertEqual(report.instruction_row("chat-tls", counted, ["ejabberd", *self.NAMES], lacking)[1:],
                         ["–", "10,000", "25,000", "crashes", "300,000", "2.5", "12"])

    def test_what_people_wrote_stays(self):
        page = f"Head\n\n{report.BEGIN}\nold\n{report.END}\n\nTail\n"
        new = report.put_between_marks(page, "new\n")
        self.assertEqual(new, f"Head\n\n{report.BEGIN}\n\nnew\n\n{report.END}\nTail\n")
        self.assertEqual(report.put_between_marks(new, "new\n"), new)

    def test_a_page_without_marks_gets_them(self):
        self.assertEqual(report.put_between_marks("Head\n", "new\n"),
                         f"Head\n\n{report.BEGIN}\n\nnew\n\n{report.END}\n")

    def test_whole_page(self):
        results = made_up(relay=[5], rookery=[10], prosody=[400])
        text = report.body(results, {("chat-tls", "rookery"): 21_500}, {("chat-tls", "rookery"): {"TLS": 0.25}},
                           self.NAMES, self.LACKING, ["machine   a fast one"])
        for part in ("machine   a fast one", "| 2 times the relay | **missed** |", "21,500",
                     "| TLS | 25.0 % | 2.5 |", "![chat, TLS 1.3: CPU per message](performance/chat-tls.svg)"):
            self.assertIn(part, text)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            docs = pathlib.Path(folder)
            (docs / "performance.md").write_text("Head\n")
            report.write(docs, made_up(relay=[5], rookery=[10]), {}, {}, self.NAMES, self.LACKING, [])
            self.assertTrue((docs / "performance.md").read_text().startswith("Head\n"))
            self.assertEqual([path.name for path in (docs / "performance").iterdir()], ["chat-tls.svg"])


class Charts(unittest.TestCase):
    def setUp(self):
        self.svg = charts.chart('idle & "quiet"', [("relay", "floor", Spread(25, 20, 30), "25 kB"),
                                                   ("Rookery", "own", Spread(50, 50, 100), "50 kB")])
        self.root = ElementTree.fromstring(self.svg)

    def all(self, name):
        return self.root.findall(f"{{http://www.w3.org/2000/svg}}{name}")

    def test_bars_are_to_scale(self):
        width = charts.WIDTH - charts.LEFT - charts.RIGHT
        self.assertEqual([float(bar.get("width")) for bar in self.all("rect")], [width * 0.25, width * 0.5])

    def test_texts(self):
        self.assertEqual([text.text for text in self.all("text")],
                         ['idle & "quiet"', "relay", "25 kB", "Rookery", "50 kB"])
        self.assertEqual(self.root.get("aria-label"), 'idle & "quiet"')

    def test_both_schemes(self):
        self.assertIn("prefers-color-scheme: dark", self.svg)

    def test_values_stay_inside(self):
        ends = [float(text.get("x")) for text in self.all("text") if text.get("class") == "value"]
        self.assertLessEqual(max(ends), charts.WIDTH - charts.RIGHT + 8)


class Cost(unittest.TestCase):
    LINES = ["# Overhead\tShared Object      \tSymbol",
             " 40.00% \t[kernel.kallsyms]  \t[k] tcp_sendmsg    \t-      -   ",
             " 20.00%\tlibcrypto.so.3\t[.] aes_gcm", " 10.00%\trookery\t[.] _Z4read",
             "  5.00%\trookery\t[.] _Z4what", "  5.00%\tlibodd.so\t[.] f"]

    def test_shares(self):
        found = cost.shares(self.LINES, "rookery", {"_Z4read": "net/socket.cpp"})
        self.assertEqual({part: round(share, 3) for part, share in found.items()},
                         {"kernel": 0.4, "TLS": 0.2, "sockets and loop": 0.1, cost.REST: 0.3})

    def test_first_rule_counts(self):
        self.assertEqual([cost.part_of(place) for place in ("net/tls_record.cpp", "net/loop.cpp", "libexpat.so.1",
                                                            "/usr/include/c++/12/bits/new.h")],
                         ["TLS", "sockets and loop", "XML", cost.REST])

    def test_outermost_function_counts(self):
        lines = ["0x01", "/usr/include/c++/12/a.h:3", "/b/build/release/../../net/loop.cpp:7 (discriminator 2)", "0x02",
                 "??:0"]
        self.assertEqual(cost.outermost_files(lines), ["net/loop.cpp", "??"])

    def test_instructions(self):
        self.assertEqual(cost.total_of("version: 1\nsummary: 12\n1 2\ntotals: 1234\n"), 1234)
        self.assertEqual(cost.total_of(""), 0)
        self.assertEqual(cost.per_unit((1_000, 10), (5_000, 20)), 400)


class Accounts(unittest.TestCase):
    def test_rows_are_multiplied(self):
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, password TEXT)")
        database.execute("INSERT INTO users VALUES (1, 'u0', 'secret'), (2, 'admin', 'hidden')")
        start.multiply(database, "users", "username", "u", "", 4)
        self.assertEqual(database.execute("SELECT username, password FROM users ORDER BY id").fetchall(),
                         [("u0", "secret"), ("admin", "hidden"), *((f"u{n}", "secret") for n in (1, 2, 3))])


def main():
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
    return 0 if result.wasSuccessful() else 1
