//! What is to be served: a script, a module, a Django project, a paste configuration, or files.

use crate::args::Kind;
use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// What is to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum App {
    /// A WSGI script.
    Script(PathBuf),
    /// A module to import, and the name in it.
    Module { module: String, name: Option<String> },
    /// The directory of a Django project, which has its manage.py.
    Django(PathBuf),
    /// A configuration of paste.deploy.
    Paste(PathBuf),
    /// A directory of files.
    Static(PathBuf),
    /// A page of our own.
    Welcome,
}

/// What stands for the page of our own on a command line that `old` has translated.
pub const WELCOME: &str = ":welcome:";

impl App {
    /// What a word of the command line means.
    pub fn find(word: &str, kind: Option<Kind>) -> Result<Self, Failure> {
        if word == WELCOME {
            return Ok(Self::Welcome);
        }
        match kind {
            Some(Kind::Script) => file(word).map(Self::Script),
            Some(Kind::Paste) => file(word).map(Self::Paste),
            Some(Kind::Module) => module(word).ok_or_else(|| no_module(word)),
            Some(Kind::Django) => directory(word).and_then(|place| django(&place)),
            Some(Kind::Static) => directory(word).map(Self::Static),
            None => Self::guess(word),
        }
    }

    fn guess(word: &str) -> Result<Self, Failure> {
        let path = Path::new(word);
        if path.is_dir() {
            let place = directory(word)?;
            if place.join("manage.py").is_file() {
                return Ok(Self::Django(place));
            }
            let above = place.parent().map(|above| above.join("manage.py")).filter(|file| file.is_file());
            return match above {
                Some(manage) if place.join("__init__.py").is_file() => Err(Failure::usage(format!(
                    "{} is a package of a Django project; name the directory above it, {}",
                    place.display(),
                    manage.parent().unwrap_or(&manage).display()
                ))),
                _ => match application_in(&place) {
                    Some(name) => Err(Failure::usage(format!(
                        "{} has {name}; name that file to serve the application, or say --kind static to serve all files in \
                         the directory",
                        place.display()
                    ))),
                    None => Ok(Self::Static(place)),
                },
            };
        }
        if path.exists() {
            let path = file(word)?;
            let is_ini = path.extension().is_some_and(|end| end == "ini");
            return Ok(if is_ini { Self::Paste(path) } else { Self::Script(path) });
        }
        let looks_like_a_path =
            word.contains('/') || [".py", ".wsgi", ".ini"].iter().any(|end| word.ends_with(end));
        match module(word).filter(|_| !looks_like_a_path) {
            Some(module) => Ok(module),
            None => Err(Failure::usage(format!(
                "{word} does not exist; give a WSGI script, package.module:name, a Django project's directory, a paste \
                 .ini, or a directory of files"
            ))),
        }
    }

    /// A short name, for the process group and the list of processes.
    pub fn name(&self) -> String {
        let text = match self {
            Self::Module { module, .. } => module.split('.').next().unwrap_or(module).to_owned(),
            Self::Script(file) => {
                let stem = stem(file);
                let says_nothing = matches!(stem.as_str(), "app" | "wsgi" | "application" | "main" | "index");
                file.parent().filter(|_| says_nothing).map_or(stem, stem_of_directory)
            }
            Self::Paste(file) => stem(file),
            Self::Django(place) | Self::Static(place) => stem_of_directory(place),
            Self::Welcome => "welcome".to_owned(),
        };
        let kept: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
            .take(40)
            .collect();
        if kept.is_empty() { "app".to_owned() } else { kept }
    }

    /// Where it works unless it is told: what it imports from beside it is found there.
    pub fn directory(&self) -> Option<PathBuf> {
        match self {
            Self::Script(file) => {
                let place = file.parent()?;
                let above = place.parent().filter(|above| above.join("manage.py").is_file());
                Some(above.unwrap_or(place).to_path_buf())
            }
            Self::Paste(file) => file.parent().map(Path::to_path_buf),
            Self::Django(place) => Some(place.clone()),
            Self::Module { .. } => std::env::current_dir().ok(),
            Self::Static(_) | Self::Welcome => None,
        }
    }
}

/// A file that shows that the directory has an application, whose files are not for visitors.
fn application_in(place: &Path) -> Option<&'static str> {
    const NAMES: [&str; 7] =
        ["app.py", "wsgi.py", "application.py", "app.wsgi", "pyproject.toml", "requirements.txt", "setup.py"];
    NAMES.into_iter().find(|name| place.join(name).is_file())
}

fn stem(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn stem_of_directory(place: &Path) -> String {
    place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The whole path of a file, links in its directory included: what is mounted is what was named.
fn file(word: &str) -> Result<PathBuf, Failure> {
    let path = whole(word)?;
    if path.is_file() {
        return Ok(path);
    }
    let what =
        if path.is_dir() { "is a directory; name a file in it" } else { "does not exist; correct the path" };
    Err(Failure::usage(format!("{} {what}", path.display())))
}

fn directory(word: &str) -> Result<PathBuf, Failure> {
    let path = whole(word)?;
    if path.is_dir() {
        return Ok(path);
    }
    let what = if path.exists() { "is not a directory" } else { "does not exist" };
    Err(Failure::usage(format!("{} {what}; name a directory that is there", path.display())))
}

/// A path from the root on, without `.` and `..`.
pub fn whole(word: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    let word = word.as_ref();
    let path = std::path::absolute(word)
        .map_err(|error| Failure::usage(format!("{}: {error}; give a whole path", word.display())))?;
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => _ = whole.pop(),
            part => whole.push(part),
        }
    }
    Ok(whole)
}

fn django(place: &Path) -> Result<App, Failure> {
    if place.join("manage.py").is_file() {
        return Ok(App::Django(place.to_path_buf()));
    }
    Err(Failure::usage(format!(
        "{} has no manage.py; name the directory of a Django project",
        place.display()
    )))
}

/// `package.module`, `package.module:name`, `package.module:make()`
fn module(word: &str) -> Option<App> {
    let (module, name) = match word.split_once(':') {
        Some((module, name)) => (module, Some(name)),
        None => (word, None),
    };
    let fits =
        is_dotted(module) && name.is_none_or(|name| is_dotted(name.strip_suffix("()").unwrap_or(name)));
    fits.then(|| App::Module { module: module.to_owned(), name: name.map(str::to_owned) })
}

/// `name`, `package.name`: what Python takes for names with dots.
pub fn is_dotted(text: &str) -> bool {
    text.split('.').all(|part| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

fn no_module(word: &str) -> Failure {
    Failure::usage(format!("{word} is not the name of a module; write package.module or package.module:name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module_of(word: &str) -> Option<(String, Option<String>)> {
        match module(word)? {
            App::Module { module, name } => Some((module, name)),
            _ => None,
        }
    }

    #[test]
    fn modules_are_names_with_dots() {
        assert_eq!(module_of("shop.wsgi"), Some(("shop.wsgi".into(), None)));
        assert_eq!(module_of("shop:app"), Some(("shop".into(), Some("app".into()))));
        assert_eq!(module_of("shop:make()"), Some(("shop".into(), Some("make()".into()))));
        for word in ["", "a..b", "9a", "a:", "a b", "/a", "a:b:c", "a:b('x')"] {
            assert_eq!(module_of(word), None, "{word}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_may_be_given() {
        for word in ["nowhere.py", "no/where", "nowhere.wsgi", "nowhere.ini"] {
            let failure = App::find(word, None).unwrap_err();
            assert!(failure.to_string().starts_with(&format!("{word} does not exist; give ")), "{failure}");
            assert_eq!(failure.status(), 2);
        }
    }

    #[test]
    fn names_are_those_of_what_is_served() {
        let script = |path: &str| App::Script(path.into()).name();
        assert_eq!(script("/srv/shop/app.wsgi"), "shop");
        assert_eq!(script("/srv/shop/blog.wsgi"), "blog");
        assert_eq!(App::Django("/srv/my shop".into()).name(), "my-shop");
        assert_eq!(App::Static("/".into()).name(), "app");
    }
}
