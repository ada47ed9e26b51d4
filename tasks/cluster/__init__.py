"""Models that are served on a cluster of one's own, by Ray: each replica is an actor that starts a model server beside itself.

Only replicas.py imports Ray, when a cluster is asked for the first time.
"""
