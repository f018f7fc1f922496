"""The checkout's own PostgreSQL cluster, and the service in the background.

background_service: starts and stops the service
cluster: clusters for the checkout, tests and benchmarks
postgres: installed PostgreSQL programs and one server process
"""
