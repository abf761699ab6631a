"""Who may do what: API keys, their scopes, tenants and limits, and the cookie of a person who signed in.

listenwell keys create --name nightly --scope write
"""
