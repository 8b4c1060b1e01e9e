// Pages show times in UTC. This adds the time in the reader's time zone, and the clock in the
// header.
"use strict";
{
    const here = new Intl.DateTimeFormat("en-GB", {
        year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
    });
    const clock = document.getElementById("clock");
    const show = () => {
        const now = new Date();
        const time = (zone) => now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...zone });
        const [utc, local] = [time({ timeZone: "UTC" }), time({})];
        clock.textContent = utc === local ? `${utc} UTC` : `${utc} UTC · ${local} here`;
        clock.hidden = false;
    };
    if (clock) {
        show();
        setInterval(show, 10_000);
    }
    if (here.resolvedOptions().timeZone !== "UTC") {
        document.querySelectorAll("time[datetime]").forEach((item) => {
            const moment = new Date(item.dateTime);
            if (Number.isNaN(moment.getTime())) {
                return;
            }
            const local = here.format(moment);
            if (item.hasAttribute("title")) {
                item.title += ` · ${local}`;
            } else if (item.dataset.local !== undefined) {
                item.insertAdjacentText("beforeend", ` · ${local}`);
            }
        });
    }
}
