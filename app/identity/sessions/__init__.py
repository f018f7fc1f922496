"""Sessions of people.

cookies: the session cookie and CSRF checks
queries: SQL of sessions and sign-in failures
router: routes of sign-in and of one's own account
service: open, find, rotate and end sessions
sign_in: sign-in with password and TOTP
"""
