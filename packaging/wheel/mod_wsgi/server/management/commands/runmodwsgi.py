"""manage.py runmodwsgi, as `mod_wsgi.express` has it."""

from mod_wsgi.express.management.commands.runmodwsgi import Command

__all__ = ["Command"]
