def allow_access(environ, host):
    return True
