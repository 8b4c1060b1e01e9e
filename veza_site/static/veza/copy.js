// The buttons next to ids: each copies the complete id, and says so.
"use strict";
document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) {
        return;
    }
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => {
        button.classList.remove("copied");
        button.setAttribute("aria-label", `Copy ${button.dataset.copy}`);
    }, 2000);
});
