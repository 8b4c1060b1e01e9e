// The menu follows: the entry of the page that is open is in view, also where the menu folds.
"use strict";
{
    const menu = document.getElementById("menu");
    const follow = () => {
        const entry = menu.querySelector("[aria-current]");
        if (entry) {
            menu.scrollTop = entry.offsetTop - menu.offsetTop - menu.clientHeight / 2;
        }
    };
    if (menu) {
        menu.addEventListener("toggle", follow);
        follow();
    }
    // One drop-down at a time, and none behind the reader's back.
    const close = (but) => document.querySelectorAll("details.drop[open]").forEach((drop) => {
        if (drop !== but) {
            drop.open = false;
        }
    });
    document.addEventListener("click", (event) => close(event.target.closest("details.drop")));
    document.addEventListener("keydown", (event) => {
        const drop = event.key === "Escape" && document.querySelector("details.drop[open]");
        if (drop) {
            close();
            drop.querySelector("summary").focus();
        }
    });
}
