"""The names of mod_wsgi-express: `mod_wsgi.express.cli.start()`, and the application for INSTALLED_APPS of Django that has the
command `runmodwsgi`."""
