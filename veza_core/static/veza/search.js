// "/" leads to the search box from anywhere, but not while something is being typed.
"use strict";
document.addEventListener("keydown", (event) => {
    const box = document.getElementById("search-box");
    if (!box || event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey) {
        return;
    }
    const place = event.target;
    if (place instanceof Element && place.closest("input, textarea, select, [contenteditable]")) {
        return;
    }
    event.preventDefault();
    box.focus();
    box.select();
});
