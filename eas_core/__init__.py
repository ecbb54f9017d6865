"""Search spaces, supernet, architecture generator and evaluation of Elastic Architecture Search (EAS)."""

__version__ = "0.1.0"
