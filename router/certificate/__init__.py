"""Checks a plan's certificate from its file and the snapshot alone, by formulas of its own.

Weak duality: at any token prices nu, a trade that ends with shares s of the final value V obeys

    V * sum(s_i * nu_i / p_i)  <=  sum(nu_i * held_i) + sum over pools of the pool's best profit at nu

so V is at most the right side over the least that the shares within the plan's bands can cost. `profits` has
one function per AMM, `bounds` the few lines that make a bound of them, `checks` compares a plan with both.
Nothing here is shared with the planner's search.
"""

from router.certificate.checks import Finding, Verification, verify

__all__ = ["Finding", "Verification", "verify"]
