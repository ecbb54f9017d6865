"""Builders of the data sets: one module a data set, each turning its source into labelled uint8 images.

In: a seed, or files of photographs. Out: images and labels of three splits. Nothing here knows of profiles or networks.

- :mod:`~data_prep.catalogue` every data source with its tasks and how its splits are made: a new one is an entry there
- :mod:`~data_prep.shapes10` draws, :mod:`~data_prep.tiny_imagenet` reads a zip, :mod:`~data_prep.imagenet` packs
- :mod:`~data_prep.partition` splits of labelled arrays; :mod:`~data_prep.pictures` decodes a photograph
"""

SPLITS = ("train", "valid", "test")
