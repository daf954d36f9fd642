"""``igconv-sr report``: what runs have written becomes tables, figures and one page.

reading: :mod:`igconv_sr.runs.files`, :mod:`igconv_sr.runs.trainings` and :mod:`found_runs`; thinking: :mod:`variants`,
:mod:`seed_means`, :mod:`published`, :mod:`deltas` and :mod:`costs`; showing: :mod:`document`, :mod:`figures`,
:mod:`crops` and :mod:`render`.
"""
