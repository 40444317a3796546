"""Three visitors in the queue: who comes first is first, and whoever leaves is passed by."""

import threading

from explorer.work.queue import Queue


def test_three_visitors_are_served_in_the_order_they_came() -> None:
    queue, served = Queue(), []
    tickets = [queue.join() for _ in range(3)]
    assert [queue.ahead(ticket, 0) for ticket in tickets] == [0, 1, 2]

    def visit(ticket: int) -> None:
        while queue.ahead(ticket, 5):
            pass
        served.append(ticket)
        queue.leave(ticket)

    # The last is started first: neither the thread's start nor its luck decides, only the ticket.
    threads = [threading.Thread(target=visit, args=(ticket,)) for ticket in reversed(tickets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert served == tickets


def test_who_leaves_from_the_middle_lets_the_others_move_up() -> None:
    queue = Queue()
    first, second, third = (queue.join() for _ in range(3))
    queue.leave(second)
    assert (queue.ahead(first, 0), queue.ahead(third, 0)) == (0, 1)
    queue.leave(first)
    assert queue.ahead(third, 0) == 0
    fourth = queue.join()
    assert queue.ahead(fourth, 0) == 1


def test_a_waiting_visitor_is_told_as_soon_as_another_leaves() -> None:
    queue = Queue()
    first, second, third = (queue.join() for _ in range(3))
    told: list[int] = []
    waits = threading.Thread(target=lambda: told.append(queue.ahead(third, 60)))
    waits.start()
    queue.leave(second)
    waits.join(10)
    assert told == [1]
    queue.leave(first)
