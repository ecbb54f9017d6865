"""Builders of the data sets: one module a data set, each turning its source into labelled uint8 images."""
