"""What tests work with: plain functions and classes, by subject. Fixtures that use them are in ``tests/conftest.py``.

``constants``     the tests' present moment, and places
``settings``      settings of an application under test
``devices``       trucks, devices on them, feeds
``pings``         pings of the one truck that ``devices.register_truck`` makes
``fleets``        a lessor that registers assets and devices, and posts pings
``cases``         a court's case with its applicant: assets, offers, measures, entrustments, assignments, shares
``people``        accounts, and browsers that sign in with a password
``oidc``          a real OpenID provider, and a browser that follows redirects to it
``trail``         the audit trail since a test began
``aemp``          a maker's AEMP 2.0 interface, and an application that polls it
``messages``      messages of foreign trackers, good ones and spoiled ones
``distribution``  territories, courts and placed assets without a database
``commands``      runs the command line
``jobs``          runs the worker's jobs
``scenario``      two lessors, courts and cases, and users in every relation to them, for the proofs of access
``requests``      a valid request for every operation, for the same proofs
``access_model``  the rules of access in plain Python, to compare the service with
``faults``        what the fault tests share
"""
