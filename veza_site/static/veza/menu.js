// Scrolls the menu so that the entry of the current page is visible, also in the folded menu.
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
    // Only one drop-down is open at a time, and a click elsewhere closes it.
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
