"""A synthetic fleet with known ground truth, and a client that runs the main job over HTTP.

run: the demo from start to end; answer: the service's answer compared with the truth; tables: terminal output
client, registration, posting: HTTP client, registration of the fleet, posting of its pings
fleet: the whole fleet from a seed; registers: its assets, devices and measures; truth: its ground truth
places, scenarios, movement: where assets are, how their signal ends, how they moved
signals, defects, pings: healthy pings, defects added to them, the wire format
identifiers, formatting: valid IMEI, VIN, plates and credit codes; numbers and times as text
"""
