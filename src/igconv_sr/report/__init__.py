"""``igconv-sr report``: what runs have written becomes tables, figures and one page.

reading: :mod:`files`, :mod:`trainings` and :mod:`runs`; thinking: :mod:`variants`, :mod:`scores`, :mod:`published`,
:mod:`deltas` and :mod:`costs`; showing: :mod:`document`, :mod:`figures`, :mod:`crops` and :mod:`render`.
"""
