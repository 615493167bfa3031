//! Which scripts the processes of a group may run. Apache's child looks before it sends a request, for the client's sake; the
//! worker looks at the file that it has opened to run it, whoever asks.

use crate::message::{self as msg, Message};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// `script-user=`, `script-group=` and `script-root=`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules<'a> {
    /// The user (uid) that scripts and their directories must belong to.
    pub user: Option<u32>,
    /// The same for a group.
    pub group: Option<u32>,
    /// The directory they must lie below, links followed.
    pub root: Option<&'a Path>,
}

impl Rules<'_> {
    /// Whether no rule is set.
    pub fn are_none(&self) -> bool {
        *self == Rules::default()
    }

    /// What speaks against this script. `opened`: the file that is read.
    pub fn complaint(&self, script: &Path, opened: Option<&Metadata>) -> Option<(Message, String)> {
        if let Some(root) = self.root
            && let Some(why) = outside(script, root, opened)
        {
            return Some((msg::OUTSIDE_SCRIPT_ROOT, why));
        }
        let (by_user, wanted) = match (self.user, self.group) {
            (Some(user), _) => (true, user),
            (None, Some(group)) => (false, group),
            (None, None) => return None,
        };
        let message = if by_user { msg::WRONG_OWNER } else { msg::WRONG_GROUP };
        let mut places = [(Some(script), opened), (script.parent(), None)].into_iter();
        let complaint = places.find_map(|(place, seen)| {
            let place = place?;
            let looked = seen.map_or_else(|| place.metadata(), |data| Ok(data.clone()));
            let why = match looked {
                Err(error) => format!("cannot be examined: {error}"),
                Ok(data) => foreign(&data, by_user, wanted)?,
            };
            Some(format!("'{}' {why}", place.display()))
        });
        complaint.map(|why| (message, why))
    }
}

/// Why a file does not belong to the wanted user or group alone; `None`: it does.
fn foreign(data: &Metadata, by_user: bool, wanted: u32) -> Option<String> {
    let (owner, what, others) =
        if by_user { (data.uid(), "user", 0o022) } else { (data.gid(), "group", 0o002) };
    if owner != wanted {
        Some(format!("belongs to {what} #{owner}, but script-{what}= demands #{wanted}"))
    } else if data.mode() & others != 0 {
        Some(format!("is writable by others (mode {:04o})", data.mode() & 0o7777))
    } else {
        None
    }
}

/// Why a script is not one below `root`. The path may lead to another file by the time that it is looked at: below the root
/// must lie the one that was opened.
fn outside(script: &Path, root: &Path, opened: Option<&Metadata>) -> Option<String> {
    let shown = script.display();
    let real = match script.canonicalize() {
        Ok(real) => real,
        Err(error) => return Some(format!("'{shown}' cannot be examined: {error}")),
    };
    match root.canonicalize() {
        Err(error) => return Some(format!("script-root={} cannot be examined: {error}", root.display())),
        Ok(root) if !real.starts_with(&root) => {
            let at = if real == script { String::new() } else { format!(" (it is {})", real.display()) };
            return Some(format!("'{shown}'{at} lies outside script-root={}", root.display()));
        }
        Ok(_) => {}
    }
    let is_same = |opened: &Metadata| {
        let there = real.metadata();
        there.is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino()))
    };
    (!opened.is_none_or(is_same)).then(|| format!("'{shown}' was replaced while it was opened"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A directory with these in it; removed with the value.
    struct Place(std::path::PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("mod_wsgi-{name}-{}", std::process::id()));
            fs::create_dir_all(dir.join("root/site")).unwrap();
            fs::create_dir_all(dir.join("rooted")).unwrap();
            for file in ["root/site/app.wsgi", "rooted/app.wsgi"] {
                fs::write(dir.join(file), "").unwrap();
            }
            Self(dir.canonicalize().unwrap())
        }

        fn complaint(&self, rules: Rules<'_>, script: &str, opened: Option<&str>) -> String {
            let opened = opened.map(|file| fs::File::open(self.0.join(file)).unwrap().metadata().unwrap());
            let found = rules.complaint(&self.0.join(script), opened.as_ref());
            found.map_or(String::new(), |(message, text)| format!("{message}: {text}"))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_script_lies_below_its_root_wherever_links_lead() {
        let place = Place::new("root");
        let root = place.0.join("root");
        symlink(place.0.join("rooted/app.wsgi"), root.join("out.wsgi")).unwrap();
        symlink(root.join("site/app.wsgi"), place.0.join("in.wsgi")).unwrap();
        symlink(&root, place.0.join("link")).unwrap();
        fn rules(root: &Path) -> Rules<'_> {
            Rules { root: Some(root), ..Rules::default() }
        }
        for root in [root.clone(), place.0.join("link"), root.join("site/..")] {
            for inside in
                ["root/site/app.wsgi", "link/site/app.wsgi", "in.wsgi", "rooted/../root/site/app.wsgi"]
            {
                assert_eq!(place.complaint(rules(&root), inside, Some("root/site/app.wsgi")), "", "{inside}");
                let other = place.complaint(rules(&root), inside, Some("rooted/app.wsgi"));
                assert!(other.contains("was replaced"), "{other}");
            }
            for outside in ["rooted/app.wsgi", "root/out.wsgi", "root/../rooted/app.wsgi"] {
                let text = place.complaint(rules(&root), outside, Some("rooted/app.wsgi"));
                assert!(text.starts_with("WSGI1090: ") && text.contains("lies outside"), "{text}");
            }
            assert!(place.complaint(rules(&root), "root/none.wsgi", None).contains("cannot be examined"));
        }
        assert!(place.complaint(rules(&place.0.join("none")), "in.wsgi", None).contains("script-root="));
    }

    #[test]
    fn what_was_opened_counts_not_what_the_path_leads_to_now() {
        let place = Place::new("owner");
        let own = fs::metadata(&place.0).unwrap().uid();
        for dir in ["root/site", "rooted"] {
            fs::set_permissions(place.0.join(dir), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(place.0.join("rooted/app.wsgi"), fs::Permissions::from_mode(0o666)).unwrap();
        fs::set_permissions(place.0.join("root/site/app.wsgi"), fs::Permissions::from_mode(0o644)).unwrap();
        let rules = Rules { user: Some(own), ..Rules::default() };
        assert_eq!(place.complaint(rules, "root/site/app.wsgi", Some("root/site/app.wsgi")), "");
        let text = place.complaint(rules, "root/site/app.wsgi", Some("rooted/app.wsgi"));
        assert!(text.starts_with("WSGI0164: ") && text.contains("mode 0666"), "{text}");
        let rules = Rules { user: Some(own + 1), ..Rules::default() };
        assert!(place.complaint(rules, "root/site/app.wsgi", None).contains("script-user= demands"));
        fs::set_permissions(place.0.join("root/site"), fs::Permissions::from_mode(0o777)).unwrap();
        let rules = Rules { user: Some(own), ..Rules::default() };
        assert!(place.complaint(rules, "root/site/app.wsgi", None).contains("site' is writable"));
    }
}
