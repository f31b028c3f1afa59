"""Who calls and what they may do: scopes, principals, API keys, access tokens and how a service asks auth about them."""
