"""``igconv-sr report``: what runs have written becomes tables, figures and one page.

reading: :mod:`igconv_sr.runs.files`, :mod:`igconv_sr.runs.trainings` and :mod:`found_runs`; thinking: :mod:`variants`,
:mod:`seed_means`, :mod:`published` and :mod:`deltas`; showing: :mod:`sections` of tables and figures, and
:mod:`report`, which writes them.
"""
