"use strict";
// Asks from time to time while somebody looks, and loads the page again when the application serves or fails otherwise.
const own = document.currentScript.dataset;
const next = document.getElementById("next");
let due = Date.now() + 1000 * parseInt(next.textContent.slice(3), 10);
async function ask() {
    try {
        const headers = { Accept: "application/problem+json" };
        // A redirect, as to a page where one logs in, is for the browser: such an answer has no headers here.
        const how = { headers, cache: "no-store", credentials: "same-origin", redirect: "manual" };
        const answer = await fetch(location.href, how);
        const kind = answer.headers.get("Content-Type") || "";
        if (!kind.startsWith("application/problem+json")) return location.reload();
        const problem = await answer.json();
        const seen = (problem.exception || "") + (problem.place || "");
        if ((problem.error_id || "") !== own.id || seen !== own.seen) return location.reload();
        due = Date.now() + 1000 * problem.retry_after;
    } catch (error) {
        // The server is being restarted, or the network is away.
    }
    wait();
}
// Many who look do not ask at the same moment.
function wait() {
    setTimeout(later, 1000 * own.seconds + 500 * Math.random());
}
function later() {
    if (document.hidden) document.addEventListener("visibilitychange", later, { once: true });
    else ask();
}
setInterval(() => {
    const seconds = Math.ceil((due - Date.now()) / 1000);
    next.textContent = seconds > 0 ? "in " + seconds + " s" : "now";
}, 1000);
wait();
