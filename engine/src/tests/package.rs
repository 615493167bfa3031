//! The package that applications import, and what they can see of it.

use super::Site;

#[test]
fn public_names_are_those_of_the_stubs() {
    let stubs = [
        ("mod_wsgi", include_str!("../../python/mod_wsgi-stubs/__init__.pyi")),
        ("mod_wsgi.django", include_str!("../../python/mod_wsgi-stubs/django.pyi")),
        ("apache", include_str!("../../python/apache-stubs/__init__.pyi")),
    ];
    let site = Site::app(
        "
        import ast, importlib
        module = importlib.import_module(environ['PATH_INFO'])
        assert not hasattr(module, 'no such name')
        def name(node):
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    return name
        told = {name(node) for node in ast.parse(environ['QUERY_STRING']).body} - {None}
        missing = {name for name in told if not hasattr(module, name)}
        # Of a module that says no more, what it defines itself.
        there = set(getattr(module, '__all__', told))
        return [repr(sorted(missing | (there ^ told))).encode()]
        ",
    );
    for (name, text) in stubs {
        assert_eq!(site.ask().set("PATH_INFO", name).set("QUERY_STRING", text).send().ok(), "[]", "{name}");
    }
}

#[test]
fn names_that_are_not_private_are_public() {
    let site = Site::app(
        "
        import mod_wsgi
        from types import ModuleType
        kinds = {n: type(getattr(mod_wsgi, n)) for n in dir(mod_wsgi) if not n.startswith('_')}
        names = {n for n, kind in kinds.items() if not issubclass(kind, ModuleType)}
        return [repr(sorted(names ^ set(mod_wsgi.__all__))).encode()]
        ",
    );
    assert_eq!(site.get().ok(), "[]");
}

#[test]
fn modules_are_known_to_the_import_system() {
    let site = Site::app(
        "
        import importlib.util, inspect, sys, mod_wsgi._exits
        modules = [m for n, m in sys.modules.items() if n.partition('.')[0] == 'mod_wsgi' and n != 'mod_wsgi._native']
        for module in modules:
            spec = importlib.util.find_spec(module.__name__)
            assert spec.name == module.__name__ and spec.loader is module.__loader__, module
            assert compile(spec.loader.get_source(spec.name), spec.origin, 'exec').co_filename == spec.origin
            assert module.__package__ == 'mod_wsgi', module
        assert 'mod_wsgi._loader' in sys.modules and 'mod_wsgi.django' in sys.modules
        return [str(len(modules)).encode()]
        ",
    );
    assert_eq!(site.get().ok(), "28");
}

#[test]
fn tracebacks_show_lines_of_the_package() {
    let site = Site::app(
        "
        import mod_wsgi, traceback
        try:
            mod_wsgi.FileWrapper(None, -1)
        except ValueError:
            return [traceback.format_exc().encode()]
        ",
    );
    let text = site.get().ok();
    assert!(text.contains("File \"<mod_wsgi>/_files.py\", line "), "{text}");
    assert!(text.contains("    raise ValueError(\"blksize must not be negative\")"), "{text}");
}

#[test]
fn the_django_module_runs_when_it_is_used() {
    let site = Site::in_group(
        "package",
        "
        import mod_wsgi, threading
        def application(environ, start_response):
            start_response('200 OK', [])
            states = [vars(mod_wsgi.django)['_is_loaded'], hasattr(mod_wsgi.django, '__path__')]
            states.append(vars(mod_wsgi.django)['_is_loaded'])
            functions = []
            use = lambda: functions.append(mod_wsgi.django.get_application)
            threads = [threading.Thread(target=use) for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            return [repr(states + [len(functions), len(set(functions))]).encode()]
        ",
    );
    assert_eq!(site.get().ok(), "[False, False, False, 8, 1]");
}
