//! What the log says of a package that works in one interpreter of a process, and that two applications want in two.

use super::attempt::Attempt;
use super::packages::Holder;
use os::lock;
use wire::message as msg;

impl Attempt {
    /// The application has started: says which of its packages another one has in another interpreter. Not attached.
    pub(super) fn say_shared_packages(&self) {
        let Some(holder) = self.holder() else { return };
        let packages = lock(&self.packages).clone();
        for (package, first) in self.applications.packages.note(&packages, &holder) {
            self.say_shared(&package, &first, &holder);
        }
    }

    /// The application has failed to import this package: says who has it. Not attached.
    pub(super) fn say_holder_of(&self, package: &str) {
        let Some(holder) = self.holder() else { return };
        if let Some(first) = self.applications.packages.holder(package, holder.interpreter) {
            self.say_shared(package, &first, &holder);
        }
    }

    fn holder(&self) -> Option<Holder> {
        let interpreter = self.interpreter.get()?;
        let script = self.app.shown().into_owned();
        Some(Holder { script, interpreter: interpreter.id(), context: interpreter.context() })
    }

    fn say_shared(&self, package: &str, first: &Holder, second: &Holder) {
        let text = format!(
            "'{}' ({}) and '{}' ({}) both use the package '{package}', which works in one interpreter of a process only. Run both \
             in the main interpreter (`WSGIApplicationGroup %{{GLOBAL}}`, or application-group=%{{GLOBAL}} on their aliases), or \
             give each a process group of its own (WSGIDaemonProcess) and run it in the main interpreter there",
            first.script, first.context, second.script, second.context,
        );
        self.say(msg::PACKAGE_SHARED, text);
    }
}
