"""Outside Apache: the command `mod-wsgi` and what belongs to it.

Inside Apache, `import mod_wsgi` gives what the server itself provides (its types are in __init__.pyi), and the submodules of this
package can be imported as well. This module defines nothing, because programs tell by that whether they run inside the server.
"""
