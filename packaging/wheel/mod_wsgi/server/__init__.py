"""The old name of `mod_wsgi.express` in INSTALLED_APPS of Django."""

import warnings

warnings.warn("mod_wsgi.server has become mod_wsgi.express: write that in INSTALLED_APPS", FutureWarning, stacklevel=2)
