"""The documented Python classes: models, tasks by themselves, pipelines of steps, generator and labeller.

`app/api.py` hands them out. All of them work through the engine and its memo: what was answered once is not asked for again.
"""
