"""bench/durability --self-test: the checker against servers that lie, each in one way, and an honest one."""
import dataclasses

from faults.checker import FAULTS, judge
from faults.ledger import Archived, Ledger


@dataclasses.dataclass
class Scene:
    """What an honest server leaves behind: two messages from a's phone to b, who has two clients."""
    ledger: Ledger
    archives: dict
    messages: list


def honest():
    ledger = Ledger("t")
    messages = [ledger.new_message("a/phone", "b") for _ in range(3)]
    archives = {"a": [], "b": []}
    for position, message in enumerate(messages):
        message.acked = True
        archives["a"].append(Archived(f"a{position}", message.key, True))
        archives["b"].append(Archived(f"b{position}", message.key, False))
        for session, client in enumerate(("b/phone", "b/desk"), 1):
            ledger.hand(client, message.key, f"b{position}", session, False, 0.0)
    return Scene(ledger, archives, messages)


def hand(scene, number, client="b/phone", session=1, stanza_id=None):
    scene.ledger.hand(client, scene.messages[number].key, stanza_id or f"b{number}", session, True, 0.0)


def nothing(scene):
    pass


def one_lost(scene):
    one_never_handed(scene)
    del scene.archives["b"][2]


def one_not_in_the_archive(scene):
    del scene.archives["b"][1]


def one_not_in_the_senders_archive(scene):
    del scene.archives["a"][1]


def one_never_handed(scene):
    key = scene.messages[2].key
    for handed in scene.ledger.handed.values():
        handed[:] = [one for one in handed if one.key != key]
    del scene.ledger.received_by[key]


def one_silent(scene):
    scene.messages[2].acked = False


def one_refused(scene):
    scene.messages[2].error = "internal-server-error"
    for rows in scene.archives.values():
        del rows[2]


def one_refused_and_kept(scene):
    scene.messages[2].error = "internal-server-error"


def twice_in_the_archive(scene):
    scene.archives["b"].append(Archived("b9", scene.messages[2].key, False))


def twice_under_two_ids(scene):
    scene.ledger.crash()
    hand(scene, 2, session=3, stanza_id="b9")


def under_another_id_than_the_archives(scene):
    scene.archives["b"][2].id = "b9"


def twice_in_a_session(scene):
    hand(scene, 2)


def twice_after_an_orderly_end(scene):
    scene.ledger.orderly[1] = scene.ledger.moment()
    hand(scene, 2, session=3)


def again_after_a_crash(scene):
    scene.ledger.orderly[1] = scene.ledger.moment()
    scene.ledger.crash()
    hand(scene, 2, session=3)


def again_after_a_lost_connection(scene):
    hand(scene, 2, session=3)


def again_since_it_came_after_the_last_acknowledgement(scene):
    scene.ledger.orderly[1] = 0
    hand(scene, 2, session=3)


def invented_in_the_archive(scene):
    scene.archives["b"].append(Archived("b9", "t a/phone 99", False))


def archived_for_the_wrong_account(scene):
    scene.archives["c"] = [Archived("c0", scene.messages[0].key, False)]


def invented_and_handed(scene):
    scene.ledger.hand("b/phone", "t a/phone 99", "b9", 1, False, 0.0)


def handed_to_the_wrong_account(scene):
    scene.ledger.hand("c/phone", scene.messages[0].key, "c0", 5, False, 0.0)


def archived_out_of_order(scene):
    scene.archives["b"].reverse()


def handed_out_of_order(scene):
    scene.ledger.handed["b/desk"].reverse()


def handed_out_of_order_over_sessions(scene):
    """To the only client of an account."""
    del scene.ledger.handed["b/desk"]
    handed = scene.ledger.handed["b/phone"]
    handed.reverse()
    for session, one in enumerate(handed):
        one.session = session


CASES = ((nothing, {}), (one_refused, {}),
         (one_lost, {"lost": 1}), (one_not_in_the_archive, {"unarchived": 1}),
         (one_not_in_the_senders_archive, {"unarchived": 1}), (one_never_handed, {"unhanded": 1}),
         (one_silent, {"silent": 1}), (one_refused_and_kept, {"refused_and_kept": 1}),
         (twice_in_the_archive, {"doubled": 1}), (twice_under_two_ids, {"doubled": 1}),
         (under_another_id_than_the_archives, {"doubled": 1}), (twice_in_a_session, {"doubled": 1}),
         (twice_after_an_orderly_end, {"doubled": 1}), (again_after_a_crash, {"repeated": 1}),
         (again_after_a_lost_connection, {"repeated": 1}),
         (again_since_it_came_after_the_last_acknowledgement, {"repeated": 1}),
         (invented_in_the_archive, {"ghosts": 1}), (archived_for_the_wrong_account, {"ghosts": 1}),
         (invented_and_handed, {"ghosts": 1}), (handed_to_the_wrong_account, {"ghosts": 1}),
         (archived_out_of_order, {"disorder": 2}), (handed_out_of_order, {"disorder": 2}),
         (handed_out_of_order_over_sessions, {"disorder": 2}))


def main():
    """The exit code."""
    wrong = 0
    for lie, expected in CASES:
        scene = honest()
        lie(scene)
        verdict = judge(scene.ledger, scene.archives)
        found = {column: getattr(verdict, column) for column in (*FAULTS, "repeated", "refused_and_kept")
                 if getattr(verdict, column)}
        if found != expected:
            wrong += 1
            print(f"{lie.__name__}: expected {expected}, found {found}: {verdict.details}")
    print(f"{len(CASES) - wrong} of {len(CASES)} cases judged as they should be")
    return 1 if wrong else 0
