"""What tests of every service share: manual clock, fault points and contract suites."""
