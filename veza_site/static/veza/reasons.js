// Writes the chosen reason into the reason's field, where it can be edited. Without scripts, the
// server puts it before the typed text.
"use strict";
document.addEventListener("change", (event) => {
    const choice = event.target;
    if (!(choice instanceof HTMLSelectElement) || !choice.dataset.fills || !choice.value) {
        return;
    }
    const field = document.getElementById(choice.dataset.fills);
    const typed = field.value.trim();
    const replaced = !typed || [...choice.options].some((option) => option.value === typed);
    field.value = replaced ? choice.value : `${choice.value}: ${typed}`;
});
document.addEventListener("submit", (event) => {
    for (const choice of event.target.querySelectorAll("select[data-fills]")) {
        choice.value = "";
    }
});
