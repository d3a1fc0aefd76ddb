"""The drafting job: thousands of long documents, hours of work, and nothing that was paid for is lost or bought twice.

`job.py` says what is drafted and what comes of it, `journal.py` what is kept and in which order; the rest obeys them.
"""
