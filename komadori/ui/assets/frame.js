// The stage of a first frame: patches what has changed, shows pictures large, sends what is wanted.
(() => {
  const km = window.komadori;
  const AWAY_S = 60;
  const LAST = "frame";
  // Read before any stage puts its own job into the address.
  const linked = new URLSearchParams(location.search).get("job") || "";

  km.wantedFrame = () => [linked, km.store.get(LAST) || ""];
  km.frameGhost = ({ width, height }) => {
    const ghost = document.querySelector("[data-ghost]");
    ghost?.style.setProperty("--w", width);
    ghost?.style.setProperty("--h", height);
  };

  const turnHere = () => km.room("frame");
  km.receivers.frame_here = turnHere;

  // Gradio makes what is in a tab when it is first turned to: a job may be wanted before that.
  let open = null;
  let wanted = "";
  km.openFrame = (job) => {
    wanted = job;
    turnHere();
    open?.();
  };

  km.frameStage = (element, trigger, props, watch) => {
    const { parts, draw: show } = km.pieces(element, ["head", "body", "foot"]);
    let shown = null;
    let awayTimer = 0;
    let isAway = false;

    function draw() {
      const value = props.value || {};
      if (value.head === undefined) return;
      const isOther = show(value);
      shown = value;
      if (isOther && value.job) km.store.set(LAST, value.job);
      km.frameTell?.();
      tellAddress();
      if (value.job && km.frameSent?.() && isOther && innerWidth <= 1000) element.scrollIntoView();
      zoom.refresh();
      readFolds();
    }

    // The address and the title name what is looked at: reload and bookmark lead here again.
    const studio = document.querySelector("#stage");
    const inStudio = () => studio.querySelector("[data-job]")?.dataset.job;
    function tellAddress() {
      const isHere = Boolean(element.offsetParent);
      const job = isHere ? shown?.job : studio.offsetParent && inStudio();
      const address = new URL(location.href);
      if (job && address.searchParams.get("job") !== job) {
        address.searchParams.set("job", job);
        history.replaceState(history.state, "", address);
      }
      if (!isHere || !job) return;
      const sentence = shown.alive && parts.head.querySelector(".sentence")?.textContent;
      document.title = sentence ? `${sentence} · Komadori` : "Komadori";
    }
    const looks = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && tellAddress());
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
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("[data-wish]")) return;
      event.preventDefault();
      element.querySelector('[data-do="another"]')?.click();
    });

    function act(asked) {
      const what = asked.dataset.do;
      if (what === "draw") return document.querySelector("#frame-draw").click();
      if (asked.disabled) return;
      hold(asked);
      if (what === "cancel") asked.textContent = km.say("cancel_sent");
      const facts = { job: shown.job };
      if (asked.dataset.number) facts.number = Number(asked.dataset.number);
      if (what === "another") {
        const wish = element.querySelector("[data-wish]");
        facts.wish = wish.value.trim();
        wish.value = "";
      }
      return trigger(`${what}_job`, facts);
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

    const zoom = makeZoom(() => [...element.querySelectorAll("[data-zoom]")]);
    open = () => {
      if (wanted) trigger("open_job", { job: wanted });
      wanted = "";
    };
    watch("value", draw);
    draw();
    open();
  };

  // A picture as large as the window; arrows walk the others.
  function makeZoom(all) {
    const box = document.createElement("dialog");
    box.className = "km-zoom";
    document.querySelectorAll("dialog.km-zoom").forEach((old) => old.remove());
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
