// "/" leads to the search box from anywhere, but not while something is being typed.
// What is typed leaves the browser with Enter only: suggested are the lists of the menu, of this page.
"use strict";
{
    const box = document.getElementById("search-box");
    const places = document.createElement("datalist");
    places.id = "places";
    for (const link of document.querySelectorAll("#menu li a")) {
        places.append(new Option(link.textContent));
    }
    box?.after(places);
    box?.setAttribute("list", places.id);
}
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
