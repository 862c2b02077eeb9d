// What the stages of first frames and of clips do alike: they patch what has changed, show pictures large,
// keep the address, and send what is wanted.
(() => {
  const km = window.komadori;
  const AWAY_S = 60;
  // Read before any stage puts its own job into the address.
  const linked = new URLSearchParams(location.search).get("job") || "";

  // The address and the title name what is looked at: reload and bookmark lead here again.
  const stages = [{
    element: () => document.querySelector("#stage"),
    job: () => document.querySelector("#stage [data-job]")?.dataset.job,
  }];
  function tellAddress() {
    const here = stages.find(({ element }) => element()?.offsetParent);
    const job = here?.job();
    if (!job) return;
    const address = new URL(location.href);
    if (address.searchParams.get("job") !== job) {
      address.searchParams.set("job", job);
      history.replaceState(history.state, "", address);
    }
    if (!here.sentence) return;
    const sentence = here.sentence();
    document.title = sentence ? `${sentence} · Komadori` : "Komadori";
  }
  const looks = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && tellAddress());

  // `room` is the tab's name; `submit` its form's button; `told` and `sent` are called when a job is shown.
  km.kindTab = (room, { submit, told, sent }) => {
    const turnHere = () => km.room(room);
    km.receivers[`${room}_here`] = turnHere;
    // Gradio makes what is in a tab when it is first turned to: a job may be wanted before that.
    let open = null;
    let wanted = "";

    // `facts` adds to what an act sends; `acts` are done here and sent nowhere.
    function stage(element, trigger, props, watch, { facts = () => ({}), acts = {} } = {}) {
      const { parts, draw: show } = km.pieces(element, ["head", "body", "foot"]);
      let shown = null;
      let awayTimer = 0;
      let isAway = false;

      function draw() {
        const value = props.value || {};
        if (value.head === undefined) return;
        const isOther = show(value);
        shown = value;
        if (isOther && value.job) km.store.set(room, value.job);
        told();
        tellAddress();
        if (value.job && sent() && isOther && innerWidth <= 1000) element.scrollIntoView();
        zoom.refresh();
        readFolds();
      }

      const studio = document.querySelector("#stage");
      stages.unshift({
        element: () => element,
        job: () => shown?.job,
        sentence: () => shown.alive && parts.head.querySelector(".sentence")?.textContent,
      });
      looks.observe(element);
      looks.observe(studio);
      // The Studio's stage puts its job into the address also while it is hidden.
      new MutationObserver(tellAddress).observe(studio, { subtree: true, attributes: true, attributeFilter: ["data-job"] });

      const readFolds = km.folds(parts.foot, (what) => trigger(what, { job: shown.job }));

      element.addEventListener("click", (event) => {
        const asked = event.target.closest("[data-do]");
        if (asked) act(asked);
        const copied = event.target.closest("[data-copy]");
        if (copied) copy(copied);
        const picture = event.target.closest("[data-zoom]");
        if (picture) zoom.open(picture);
      });

      function act(asked) {
        const what = asked.dataset.do;
        if (what === "draw") return document.querySelector(submit).click();
        if (asked.disabled) return;
        const wanted = { job: shown.job };
        if (asked.dataset.number) wanted.number = Number(asked.dataset.number);
        if (acts[what]) return acts[what](wanted);
        hold(asked);
        if (what === "cancel") asked.textContent = km.say("cancel_sent");
        return trigger(`${what}_job`, { ...wanted, ...facts(what) });
      }
      // What was clicked answers at once and cannot be clicked twice.
      function hold(button) {
        button.disabled = true;
        button.dataset.held = "";
        setTimeout(() => {
          button.disabled = false;
          delete button.dataset.held;
        }, 4000);
      }

      async function copy(button) {
        try {
          await navigator.clipboard.writeText(button.dataset.copy);
        } catch {
          const field = document.createElement("input"); // the clipboard is open only to https and this machine
          field.value = button.dataset.copy;
          button.after(field);
          field.select();
          document.execCommand("copy");
          field.remove();
        }
        button.textContent = km.say("link_copied");
        setTimeout(() => (button.textContent = km.say("link_copy")), 1500);
      }

      // A tab that nobody looks at gives its stream back, and takes it up again when it is seen.
      document.addEventListener("visibilitychange", () => {
        clearTimeout(awayTimer);
        if (document.hidden) {
          if (!shown?.alive) return;
          awayTimer = setTimeout(() => {
            isAway = true;
            trigger("look_away", {});
          }, AWAY_S * 1000);
        } else if (shown?.job && (isAway || !shown.alive)) {
          isAway = false;
          trigger("look_again", { job: shown.job });
        }
      });

      const zoom = makeZoom(() => [...element.querySelectorAll("[data-zoom]")], room);
      open = () => {
        if (wanted) trigger("open_job", { job: wanted });
        wanted = "";
      };
      watch("value", draw);
      draw();
      open();
    }

    return {
      stage,
      turnHere,
      wanted: () => [linked, km.store.get(room) || ""],
      open(job) {
        wanted = job;
        turnHere();
        open?.();
      },
    };
  };

  // A picture as large as the window; arrows walk the others.
  function makeZoom(all, room) {
    const box = document.createElement("dialog");
    box.className = "km-zoom";
    box.dataset.room = room;
    document.querySelectorAll(`dialog.km-zoom[data-room="${room}"]`).forEach((old) => old.remove());
    document.body.append(box);
    let source = "";
    const current = () => all().find((picture) => picture.dataset.zoom === source);
    const close = km.button("×", () => box.close(), "close");
    close.setAttribute("aria-label", km.say("dialog_close"));

    function open(picture) {
      source = picture.dataset.zoom;
      const image = document.createElement("img");
      image.src = source;
      image.alt = picture.getAttribute("aria-label");
      box.setAttribute("aria-label", image.alt);
      box.replaceChildren(image, close);
      if (!box.open) box.showModal();
    }
    box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const pictures = all();
      const next = step && pictures[pictures.indexOf(current()) + step];
      if (next) open(next);
    });
    box.addEventListener("click", () => box.close());
    box.addEventListener("close", () => current()?.focus());
    return {
      open,
      refresh() {
        if (box.open && !current()) box.close();
      },
    };
  }
})();
