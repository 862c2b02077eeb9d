// The jobs: keeps the list fresh while it is looked at, and sends what the reader wants done.
(() => {
  const km = window.komadori;
  const FRESH_S = 2;

  km.jobs = (element, trigger, props, watch) => {
    const parts = {};
    for (const [name, tag] of [["head", "div"], ["rows", "ol"], ["foot", "div"]]) {
      parts[name] = document.createElement(tag);
      parts[name].className = name;
      element.append(parts[name]);
    }
    const asked = { state: "", kind: "", offset: 0 };
    let asking = 0;
    km.listed = () => (asking = 0);

    function draw() {
      const value = props.value || {};
      if (value.head === undefined) return;
      asking = 0;
      km.patch(parts.head, km.parse(value.head));
      km.patch(parts.rows, km.parse(value.rows.join("")));
      km.patch(parts.foot, km.parse(value.foot));
      for (const row of parts.rows.querySelectorAll("[data-job]")) holdLog(row);
    }

    // An unfolded log stays unfolded while its row is patched.
    const unfolded = new Set();
    function holdLog(row) {
      const isOpen = unfolded.has(row.dataset.job);
      const button = row.querySelector('[data-do="log"]');
      row.querySelector(".joblog").hidden = !isOpen;
      button.setAttribute("aria-expanded", String(isOpen));
      button.textContent = km.say(isOpen ? "jobs_log_hide" : "jobs_log");
    }

    const ask = () => {
      asking = Date.now();
      trigger("list_jobs", { ...asked, mark: props.value?.mark || "" });
    };

    setInterval(() => {
      if (document.hidden || !element.offsetParent || Date.now() - asking < 10_000) return;
      ask();
      for (const job of unfolded) trigger("show_log", { job });
    }, FRESH_S * 1000);
    new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) ask();
    }).observe(element);

    parts.head.addEventListener("change", (event) => {
      asked[event.target.name] = event.target.value;
      asked.offset = 0;
      event.target.blur();
      ask();
    });

    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (!button) return;
      event.preventDefault();
      const row = button.closest("[data-job]");
      actions[button.dataset.do](row?.dataset.job, row, button);
    });

    const actions = {
      studio: () => km.room("studio"),
      all() {
        asked.state = "";
        asked.kind = "";
        for (const choice of parts.head.querySelectorAll("select")) choice.value = "";
        ask();
      },
      newer: () => turn(-1),
      older: () => turn(1),
      link: () => trigger("make_link", {}),
      open(job, row) {
        if (row.dataset.kind === "frame") return km.openFrame(job);
        if (row.dataset.kind === "clip") return km.openClip(job);
        km.openJob(job);
        km.room("studio");
      },
      cancel(job, row, button) {
        button.disabled = true;
        button.textContent = km.say("cancel_sent");
        trigger("cancel_job", { job, ...asked });
        km.notice(km.say("cancel_toast", { title: row.dataset.title }));
      },
      retry(job, row, button) {
        button.disabled = true;
        trigger("retry_job", { job, resend: "resend" in button.dataset, ...asked });
      },
      delete(job, row) {
        const title = row.dataset.title;
        row.remove();
        trigger("delete_job", { job, ...asked });
        km.notice(km.say("deleted_toast", { title }), {
          action: km.say("deleted_undo"),
          run() {
            trigger("undelete_job", { job, ...asked });
            km.notice(km.say("undeleted_toast", { title }), { seconds: 4 });
          },
        });
      },
      log(job, row) {
        if (unfolded.has(job)) unfolded.delete(job);
        else {
          unfolded.add(job);
          trigger("show_log", { job });
        }
        holdLog(row);
      },
    };

    function turn(step) {
      asked.offset = Math.max(0, asked.offset + step * window.KOMADORI_LIMITS.page);
      ask();
      element.scrollIntoView({ block: "start" });
    }

    watch("value", draw);
    draw();
  };

  km.receivers.link = (answer) => {
    document.querySelector("dialog.km-link")?.remove();
    const box = document.createElement("dialog");
    box.className = "km-dialog km-link";
    box.append(...km.parse('<div class="side"><button type="button" class="close">×</button><h3></h3><p></p><div class="row"><input readonly></div></div>').childNodes);
    box.querySelector("h3").textContent = km.say("link_title");
    box.querySelector("p").textContent = km.say("link_text");
    const input = box.querySelector("input");
    input.value = new URL(answer.path, location.origin).href;
    input.setAttribute("aria-label", km.say("link_title"));
    const copy = km.button(km.say("link_copy"), async () => {
      input.select();
      try {
        await navigator.clipboard.writeText(input.value);
      } catch {
        document.execCommand("copy"); // the clipboard is open only to https and this machine
      }
      copy.textContent = km.say("link_copied");
    }, "is-primary");
    box.querySelector(".row").append(copy);
    const close = box.querySelector(".close");
    close.setAttribute("aria-label", km.say("dialog_close"));
    close.addEventListener("click", () => box.close());
    box.addEventListener("click", (event) => event.target === box && box.close());
    document.body.append(box);
    box.showModal();
    input.select();
  };
})();
