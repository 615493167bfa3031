"use strict";
// Puts what is new in the place of what is there, every two seconds while somebody looks.
const state = document.getElementById("state");
async function refresh() {
    try {
        const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
        if (!answer.ok) throw new Error("status " + answer.status);
        const text = await answer.text();
        // The rest of that page has a policy of its own.
        const part = text.slice(text.indexOf("<main>"), text.lastIndexOf("</main>") + "</main>".length);
        const next = new DOMParser().parseFromString(part, "text/html").querySelector("main");
        const now = document.querySelector("main");
        if (!next) throw new Error("no status");
        if (next.outerHTML !== now.outerHTML) now.replaceWith(document.adoptNode(next));
        state.textContent = "";
    } catch (error) {
        document.querySelector("main").classList.add("stale");
        state.textContent = "no answer (" + error.message + "): this is how it was";
    }
    setTimeout(later, 2000);
}
function later() {
    if (document.hidden) document.addEventListener("visibilitychange", later, { once: true });
    else refresh();
}
setTimeout(later, 2000);
