"""The fault laboratory: the product as real processes, providers that write down what they accept, and things that break.

docs/faults.md says how it works and what each experiment promises.
"""
