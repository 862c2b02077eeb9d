// The stage: patches what has changed, opens the large picture, sends what the reader wants done.
(() => {
  const km = window.komadori;
  const AWAY_S = 60;

  km.stage = (element, trigger, props, watch) => {
    const { parts, draw: show } = km.pieces(element, ["head", "panels", "foot"]);
    let shown = null;
    let stillTimer = 0;
    let isAway = false;

    function draw() {
      const value = props.value || {};
      if (value.head === undefined) return;
      const isOther = show(value);
      if (isOther && value.job) remember(value.job);
      km.ghosts();
      const sentence = value.alive && parts.head.querySelector(".sentence")?.textContent;
      document.title = sentence ? `${sentence} · Komadori` : "Komadori";
      shown = value;
      if (value.job && km.answered() && isOther && innerWidth <= 1000) document.querySelector("#stage").scrollIntoView();
      dialog.refresh();
      readFolds();
    }

    function remember(job) {
      km.store.set("job", job);
      const address = new URL(location.href);
      address.searchParams.set("job", job);
      history.replaceState(history.state, "", address);
    }

    const readFolds = km.folds(parts.foot, (what) => trigger(what, { job: shown.job }));

    element.addEventListener("click", (event) => {
      const asked = event.target.closest("[data-do]");
      if (asked) act(asked);
      const panel = event.target.closest("[data-panel]");
      if (panel) dialog.open(Number(panel.dataset.panel));
    });

    function act(asked) {
      const what = asked.dataset.do;
      if (what === "draw") return document.querySelector("#draw").click();
      if (what === "clips") return km.clipOf({ job: shown.job, panels: null });
      asked.disabled = true;
      asked.dataset.held = "";
      if (what === "cancel") asked.textContent = km.say("cancel_sent");
      setTimeout(() => {
        asked.disabled = false;
        delete asked.dataset.held;
      }, 4000);
      return trigger(`${what}_job`, { job: shown.job, resend: "resend" in asked.dataset });
    }

    parts.panels.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() }[event.key];
      const from = event.target.closest("[data-panel]");
      if (!step || !from) return;
      const all = [...parts.panels.querySelectorAll("[data-panel]")];
      const to = all[all.indexOf(from) + step];
      if (to) {
        event.preventDefault();
        to.focus();
      }
    });
    const columns = () => getComputedStyle(parts.panels).gridTemplateColumns.split(" ").length;

    // A tab that nobody looks at gives its stream back, and takes it up again when it is seen.
    document.addEventListener("visibilitychange", () => {
      clearTimeout(stillTimer);
      if (document.hidden) {
        stillTimer = setTimeout(() => {
          isAway = true;
          trigger("look_away", {});
        }, AWAY_S * 1000);
      } else if (shown?.job && (isAway || !shown.alive)) {
        isAway = false;
        trigger("look_again", { job: shown.job });
      }
    });

    const dialog = makeDialog({
      panels: () => [...parts.panels.querySelectorAll("[data-panel]")],
      job: () => shown.job,
      send: trigger,
    });
    km.openJob = (job) => trigger("open_job", { job });
    watch("value", draw);
    draw();
  };

  km.wantedJob = () => [new URLSearchParams(location.search).get("job") || "", km.store.get("job") || ""];

  function makeDialog({ panels, job, send }) {
    const box = document.createElement("dialog");
    box.className = "km-dialog";
    document.querySelectorAll("dialog.km-dialog").forEach((old) => old.remove());
    document.body.append(box);
    let number = 0;
    let version = "";
    let redoKey = km.newKey();
    let els = null;

    const current = () => panels().find((panel) => Number(panel.dataset.panel) === number);

    function build() {
      box.replaceChildren(
        ...km.parse(`
        <div class="big"><div class="picture"></div>
          <nav><button type="button" data-walk="-1">←</button><span></span><button type="button" data-walk="1">→</button></nav></div>
        <div class="side"><button type="button" class="close" data-close>×</button><div class="text"></div>
          <h4 data-words="dialog_versions"></h4><div data-slot=""></div>
          <form><h4 data-words="dialog_redo"></h4>
            <label><span data-words="dialog_wish"></span><textarea rows="2" maxlength="1000"></textarea></label>
            <p class="wrong" role="alert"></p>
            <div class="row"><button type="submit" class="is-primary" data-words="dialog_redo_wish"></button>
              <button type="button" data-seed data-words="dialog_redo_seed"></button></div>
            <p class="quiet" data-words="dialog_redo_note"></p></form>
          <button type="button" data-clip data-words="clip_of_it"></button></div>`).childNodes,
      );
      for (const node of box.querySelectorAll("[data-words]")) node.textContent = km.say(node.dataset.words);
      const find = (selector) => box.querySelector(selector);
      els = {
        picture: find(".picture"), text: find(".text"), slot: find("[data-slot]"), wish: find("textarea"),
        note: find("form > .quiet"), wrong: find(".wrong"), place: find("nav span"), form: find("form"), seed: find("[data-seed]"), clip: find("[data-clip]"),
      };
      els.wish.placeholder = km.say("dialog_wish_hint");
      find("[data-close]").setAttribute("aria-label", km.say("dialog_close"));
      find('[data-walk="-1"]').setAttribute("aria-label", km.say("dialog_previous"));
      find('[data-walk="1"]').setAttribute("aria-label", km.say("dialog_next"));
      find("[data-close]").addEventListener("click", () => box.close());
      for (const arrow of box.querySelectorAll("[data-walk]")) arrow.addEventListener("click", () => walk(Number(arrow.dataset.walk)));
      els.form.addEventListener("submit", (event) => (event.preventDefault(), redoWithWish()));
      els.seed.addEventListener("click", () => redo(""));
      els.clip.addEventListener("click", () => {
        box.close();
        km.clipOf({ job: job(), panels: [number] });
      });
      els.wish.addEventListener("input", () => (els.wrong.textContent = "", redoKey = km.newKey()));
      els.slot.addEventListener("click", (event) => {
        const back = event.target.closest("[data-restore]");
        if (!back) return;
        back.disabled = true;
        send("restore_version", { job: job(), panel: number, version: Number(back.dataset.restore) });
      });
    }

    function open(which) {
      if (!els) build();
      number = which;
      els.wish.value = "";
      els.wrong.textContent = "";
      redoKey = km.newKey();
      version = "";
      els.slot.dataset.slot = `versions:${job()}:${number}`;
      els.slot.replaceChildren(...km.parse(`<p class="quiet">${km.say("dialog_versions_loading")}</p>`).childNodes);
      els.picture.replaceChildren();
      if (!box.open) box.showModal();
      box.querySelector(".side").scrollTop = 0;
      refresh();
    }

    function refresh() {
      const panel = current();
      if (!box.open || !panel) return;
      km.patch(els.text, km.parse(panel.querySelector(".about").innerHTML));
      drawPicture(panel);
      els.note.hidden = !panel.dataset.picture;
      els.clip.hidden = !panel.dataset.picture;
      els.place.textContent = `${number} / ${panels().length}`;
      box.setAttribute("aria-label", els.text.querySelector("h3").textContent);
      const seen = panel.dataset.picture + panel.className;
      if (seen !== version) {
        version = seen;
        els.form.querySelectorAll("button").forEach((node) => (node.disabled = panel.classList.contains("is-running")));
        send("show_versions", { job: job(), panel: number });
      }
    }

    function drawPicture(panel) {
      const small = panel.querySelector(".picture > img:not(.preview)");
      els.picture.parentElement.className = `big ${[...panel.classList].filter((name) => name.startsWith("is-")).join(" ")}`;
      if (!small) {
        km.quietly(() => km.patch(els.picture, km.parse(panel.querySelector(".picture").innerHTML)));
        return;
      }
      const large = small.dataset.full;
      els.picture.querySelector(".badge")?.remove();
      const badge = panel.querySelector(".badge:not(.is-plain)");
      if (badge) els.picture.append(badge.cloneNode(true));
      if (els.picture.querySelector("img")?.dataset.full === large) return;
      const image = document.createElement("img");
      image.alt = els.text.querySelector(".story").textContent;
      image.dataset.full = large;
      image.src = small.src; // there at once, until the large one is read
      const whole = new Image();
      whole.src = large;
      whole.decode().then(() => (image.src = large), () => {});
      for (const old of [...els.picture.children]) if (!old.matches(".badge")) old.remove();
      els.picture.prepend(image);
    }

    function walk(step) {
      const all = panels();
      const to = all[all.indexOf(current()) + step];
      if (to) open(Number(to.dataset.panel));
    }

    function redoWithWish() {
      const wish = els.wish.value.trim();
      if (wish) return redo(wish);
      els.wrong.textContent = km.say("dialog_wish_empty");
      return els.wish.focus();
    }

    function redo(wish) {
      els.form.querySelectorAll("button").forEach((node) => (node.disabled = true));
      setTimeout(() => els.form.querySelectorAll("button").forEach((node) => {
        node.disabled = current()?.classList.contains("is-running");
      }), 3000);
      send("redo_panel", { job: job(), panel: number, wish, key: redoKey });
      redoKey = km.newKey();
    }

    box.addEventListener("keydown", (event) => {
      if (event.target.nodeName === "TEXTAREA") {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) redoWithWish();
        return;
      }
      if (event.key === "ArrowRight") walk(1);
      if (event.key === "ArrowLeft") walk(-1);
    });
    box.addEventListener("click", (event) => {
      if (event.target === box) box.close();
    });
    box.addEventListener("close", () => current()?.focus());
    return { open, refresh };
  }
})();
