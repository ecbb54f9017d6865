"""pictures: somebody's own pictures, in folders by class or named in a CSV, checked, split and listed before a run.

In: a folder or a CSV. Out: a list (CSV) of every picture that is used, with class, task, split and SHA-256, and a report
of all that was left out and why. A run then reads the list, and refuses pictures that are no longer those listed.

- :mod:`~data_prep.own.files` what there is; :mod:`~data_prep.own.look` which of it are pictures
- :mod:`~data_prep.own.arrange` near duplicates, splits; :mod:`~data_prep.own.groups` tasks
- :mod:`~data_prep.own.listing` the list, written and read; :mod:`~data_prep.own.report` what is said of the folder
"""
