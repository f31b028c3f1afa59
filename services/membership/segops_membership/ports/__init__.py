"""What the use cases need from engines and other services: one module a capability.

Every asynchronous method may raise `EngineUnavailable` unless it says otherwise; the same call may succeed later.
"""
