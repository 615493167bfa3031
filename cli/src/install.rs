//! What is written for an Apache that somebody else runs: a site's files, the lines that load the module, the module itself.

use crate::args;
use crate::failure::{Failure, of_file};
use crate::httpd::{self, ENGINE, Httpd, MODULE};
use crate::prepare::prepare;
use crate::site::own_prefix;
use crate::text::quoted;
use std::fs;
use std::path::Path;

/// Writes a site's files, and says what starts it.
pub fn setup(args: args::Site) -> Result<(), Failure> {
    if args.server_root.is_none() {
        return Err(Failure::usage("setup needs a directory that stays; add --server-root DIR"));
    }
    let prepared = prepare(args, true)?;
    let advice = prepared.check()?;
    let root = prepared.root.path();
    println!("{} will serve {}", root.join("apachectl").display(), prepared.site.url());
    prepared.say(&advice);
    println!("Start it: {} start", crate::text::shell(&root.join("apachectl").to_string_lossy()));
    Ok(())
}

/// Prints the lines of a configuration that load the module.
pub fn config(question: &args::Module) -> Result<(), Failure> {
    let httpd = Httpd::find(&question.places).ok();
    lines(&httpd::module(&question.places, httpd.as_ref())?, question)
}

/// Prints where the module is.
pub fn location(question: &args::Module) -> Result<(), Failure> {
    let httpd = Httpd::find(&question.places).ok();
    println!("{}", httpd::module(&question.places, httpd.as_ref())?.display());
    Ok(())
}

/// Copies the module and its engine into Apache's directory, and prints the lines that load it from there.
pub fn install(question: &args::Install) -> Result<(), Failure> {
    let places = &question.module.places;
    let to = match &places.modules_directory {
        Some(named) => crate::app::whole(named)?,
        None => Httpd::find(places)?.modules,
    };
    let from = httpd::module(places, None)?;
    let from = from.parent().unwrap_or(Path::new("/"));
    for name in [MODULE, ENGINE] {
        // Renamed into its place, so that a running Apache keeps the file that it has mapped.
        let (file, new) = (to.join(name), to.join(format!("{name}.new")));
        if from.join(name) == file {
            continue;
        }
        fs::copy(from.join(name), &new).map_err(of_file("write", &new))?;
        fs::rename(&new, &file).map_err(of_file("write", &file))?;
    }
    lines(&to.join(MODULE), &question.module)
}

fn lines(module: &Path, question: &args::Module) -> Result<(), Failure> {
    println!("LoadModule wsgi_module {}", quoted(&module.to_string_lossy())?);
    let home = match &question.python {
        Some(named) => Some(crate::app::whole(named)?),
        None => own_prefix(),
    };
    if let Some(home) = home {
        println!("WSGIPythonHome {}", quoted(&home.to_string_lossy())?);
    }
    Ok(())
}
