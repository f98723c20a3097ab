"""A Microsoft 365 world for rehearsal and tests: two invented tenants and what their sign-in logs would hold."""
