def check_password(environ, user, password):
    return user == "bob" and password == "bob"


def groups_for_user(environ, user):
    return ["staff"] if user == "bob" else []
