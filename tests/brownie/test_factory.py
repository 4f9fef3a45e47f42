"""One executor per owner, through Brownie's contract objects."""

from __future__ import annotations

from typing import Any

from tests.brownie.errors import reverts

ZERO = "0x" + "00" * 20


def test_deploy_creates_the_executor_that_executor_of_predicts(factory: Any, owner: Any) -> None:
    predicted = factory.executorOf(owner)
    sent = factory.deploy(owner, {"from": owner})
    assert sent.return_value == predicted
    assert dict(sent.events["ExecutorDeployed"]) == {"owner": owner, "executor": predicted}


def test_anyone_may_deploy_for_an_owner_and_gains_nothing(
    factory: Any,
    owner: Any,
    stranger: Any,
    RebalanceExecutor: Any,  # noqa: N803
) -> None:
    executor = RebalanceExecutor.at(factory.deploy(owner, {"from": stranger}).return_value)
    assert executor.OWNER() == owner


def test_each_owner_has_an_address_of_its_own(factory: Any, owner: Any, stranger: Any) -> None:
    assert factory.executorOf(owner) != factory.executorOf(stranger)


def test_second_deploy_for_the_same_owner_reverts(factory: Any, executor: Any, owner: Any) -> None:
    with reverts("ExecutorExists", owner, executor):
        factory.deploy(owner, {"from": owner})


def test_owner_zero_is_refused(factory: Any, owner: Any) -> None:
    with reverts("ZeroOwner"):
        factory.deploy(ZERO, {"from": owner})
