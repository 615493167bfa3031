"""Small applications that show that a server works: `mod-wsgi serve mod_wsgi.diagnostics.hello`."""
