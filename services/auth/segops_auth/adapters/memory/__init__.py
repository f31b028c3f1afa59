"""Every port of auth in memory, for tests: each adapter passes the contract suite of the real one."""
