"""The Python API: models, tasks by themselves, pipelines of steps, generator and labeller.

functions.py hands it out. All of them work through the engine and its memo: what was answered once is not asked for again.
"""
