"""Benchmarks: throughput of the service, compared with the limit of the machine in the same run.

They import ``app`` and are in neither wheel nor image.

commands: ``python -m benchmarks``; environment: throw-away cluster and service; fleet: registered data
ingest, growth, row_security, sizes: ingest of pings, alone and with a filled store; copying: binary COPY
load, load_process, pings, rendering: the load client and its requests
answers, locate, keys, trail: distribution and clusters, locator, credential checks, audit trail
processes, numbers: CPU and memory of processes; percentiles
torture: kills, stalls and full disks under load
"""
