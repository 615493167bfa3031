//! WSGIAuthGroupScript: `Require wsgi-group name …`.

use super::ask::{Asked, ask};
use crate::apache::Request;
use crate::apache::providers::{Requirement, Verdict};
use crate::config::RequestExt;
use crate::serve::context::Returned;
use wire::message as msg;
use wire::words::Words;

/// The provider.
pub struct Groups;

impl Requirement for Groups {
    fn check(r: Request<'_>, line: &[u8]) -> Verdict {
        if r.user().is_empty() {
            return Verdict::NoUser;
        }
        let (user, uri) = (wire::shown(r.user()), wire::shown(r.uri()));
        let failed = || format!("Authorization of user '{user}' to access '{uri}' failed. ");
        let Some(script) = &r.dir_config().auth_group_script else {
            let text = failed() + "'Require wsgi-group' is set, but no WSGIAuthGroupScript";
            r.log(msg::GROUPS_WITHOUT_SCRIPT, text);
            return Verdict::Error;
        };
        let path = || wire::shown(&script.path);
        let asked = Asked {
            name: "groups_for_user",
            texts: &[r.user()],
            items: true,
            missing: (msg::GROUPS_WITHOUT_FUNCTION, "group authentication"),
        };
        let groups = match ask(r, script, &asked) {
            Some(Returned::List(groups)) => groups,
            Some(Returned::BadItem(kind)) => {
                let text =
                    format!("groups_for_user() of '{}' must return names as strings, not {kind}", path());
                r.log(msg::GROUPS_ITEM, text);
                return Verdict::Error;
            }
            Some(other) => {
                let text = format!(
                    "groups_for_user() of '{}' must return an iterable of names, not {}",
                    path(),
                    other.kind()
                );
                r.log(msg::GROUPS_RESULT, text);
                return Verdict::Error;
            }
            None => return Verdict::Error,
        };
        if groups.is_empty() {
            r.log(msg::GROUPS_EMPTY, failed() + "User is not a member of any groups.");
            return Verdict::Denied;
        }
        let mut words = Words::of(line);
        let mut wanted = std::iter::from_fn(|| words.word());
        if wanted.any(|name| groups.iter().any(|group| group.eq_ignore_ascii_case(&name))) {
            return Verdict::Granted;
        }
        r.log(msg::GROUPS_OTHER, failed() + "User is not a member of the required groups.");
        Verdict::Denied
    }
}
