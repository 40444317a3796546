from explorer.measure import devices


def test_the_cpu_is_always_a_device() -> None:
    assert devices()[0] == "cpu"
