// What all parts of the page share: words, storage, patching of nodes, notices, language and shade.
window.komadori = (() => {
  const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  const words = window.KOMADORI_WORDS[language];

  function say(key, facts = {}) {
    return words[key].replace(/\{(\w+)\}/g, (_, name) => facts[name]);
  }

  const store = {
    get(key) {
      try {
        return localStorage.getItem(`komadori_${key}`);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(`komadori_${key}`, value);
      } catch {
        // Storage is full or closed to us: the page works, it only forgets.
      }
    },
  };

  const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  // Makes `live` look like `next` and touches only what differs. Nodes with a data-key keep their
  // identity; what carries data-keep is filled from elsewhere and is left alone.
  function patch(live, next) {
    const byKey = new Map();
    for (const child of live.children) if (child.dataset.key) byKey.set(child.dataset.key, child);
    let at = live.firstChild;
    for (const wanted of [...next.childNodes]) {
      const key = wanted.dataset?.key;
      const found = key ? byKey.get(key) : at && !at.dataset?.key ? at : null;
      if (found && isSame(found, wanted)) {
        if (found === at) at = at.nextSibling;
        else live.insertBefore(found, at);
        patchNode(found, wanted);
        continue;
      }
      const fresh = wanted.cloneNode(true);
      live.insertBefore(fresh, at);
      appeared(fresh);
      if (found) {
        if (found === at) at = at.nextSibling;
        found.remove();
      }
    }
    while (at) {
      const rest = at.nextSibling;
      at.remove();
      at = rest;
    }
    localTimes(live);
  }

  function isSame(a, b) {
    if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return false;
    // A preview stays in its place until the next one is read: it should not flicker.
    if (a.nodeName === "IMG" && isPreview(a) && isPreview(b)) return true;
    if (a.nodeName === "IMG") return a.getAttribute("src") === b.getAttribute("src");
    return (a.dataset?.key || "") === (b.dataset?.key || "");
  }

  const isPreview = (node) => node.classList.contains("preview");

  // Its file goes when the step ends: then what came of it is already on its way here.
  for (const kind of ["error", "load"]) {
    document.addEventListener(kind, ({ target }) => {
      if (target.matches?.("img.preview")) target.style.visibility = kind === "error" ? "hidden" : "";
    }, true);
  }

  function patchNode(live, next) {
    if (live.nodeType === Node.TEXT_NODE) {
      if (live.data !== next.data) live.data = next.data;
      return;
    }
    if (live.nodeType !== Node.ELEMENT_NODE || "keep" in live.dataset || live.nodeName === "TIME") {
      if (live.nodeName === "TIME") patchTime(live, next);
      return;
    }
    const isDetails = live.nodeName === "DETAILS";
    for (const { name } of [...live.attributes]) {
      if (!next.hasAttribute(name) && !(isDetails && name === "open") && name !== "data-held") live.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (live.getAttribute(name) !== value && !live.hasAttribute("data-held")) live.setAttribute(name, value);
    }
    if (live.nodeName !== "SELECT" || document.activeElement !== live) patch(live, next);
  }

  function patchTime(live, next) {
    const isSaid = next.textContent ? next.textContent === live.textContent : "local" in live.dataset;
    if (isSaid && live.dateTime === next.dateTime) return;
    live.dateTime = next.dateTime;
    live.textContent = next.textContent;
    delete live.dataset.local;
  }

  // A new picture appears as ink would, left to right. `quiet` is set while a whole stage is first drawn.
  let quiet = false;
  function appeared(node) {
    if (quiet || isStill() || node.nodeType !== Node.ELEMENT_NODE) return;
    const images = node.nodeName === "IMG" ? [node] : node.querySelectorAll(".picture > img");
    for (const image of images) {
      if (!image.closest(".picture") || isPreview(image) || image.matches(".begins")) continue;
      image.style.clipPath = "inset(0 100% 0 0)";
      const show = () => {
        image.style.clipPath = "";
        image.animate([{ clipPath: "inset(0 100% 0 0)" }, { clipPath: "inset(0 0 0 0)" }], {
          duration: 460,
          easing: "cubic-bezier(.3,.1,.2,1)",
        });
      };
      image.decode().then(show, show);
    }
  }

  function quietly(work) {
    quiet = true;
    try {
      work();
    } finally {
      quiet = false;
    }
  }

  // A stage in pieces, each patched by its own. `draw` returns whether it shows another job than before.
  function pieces(element, names) {
    const parts = {};
    for (const name of names) {
      parts[name] = document.createElement("div");
      parts[name].className = name;
      element.append(parts[name]);
    }
    let job = null;
    function draw(value) {
      const isOther = job !== value.job;
      const work = () => {
        for (const name of names) patch(parts[name], parse([value[name]].flat().join("")));
      };
      if (isOther) {
        for (const part of Object.values(parts)) part.replaceChildren();
        quietly(work);
      } else work();
      job = value.job;
      element.classList.toggle("is-alive", Boolean(value.alive));
      element.dataset.job = value.job;
      return isOther;
    }
    return { parts, draw };
  }

  // Times are told by the reader's own clock.
  function localTimes(root) {
    for (const tag of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(tag.dateTime);
      const locale = document.documentElement.lang;
      tag.dataset.local = "";
      tag.title = at.toLocaleString(locale);
      const clock = "minutes" in tag.dataset ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : { hour12: false };
      if (!tag.textContent) tag.textContent = at.toLocaleTimeString(locale, clock);
    }
  }

  // Notices: one at a time, at the foot of the page, with at most one thing to do.
  let noticeTimer = 0;
  function notice(text, { action = null, run = null, seconds = 10, isError = false } = {}) {
    let bar = document.querySelector(".km-notice");
    if (!bar) {
      bar = document.createElement("div");
      bar.className = "km-notice";
      document.body.append(bar);
    }
    bar.setAttribute("role", isError ? "alert" : "status");
    bar.classList.toggle("is-error", isError);
    const close = () => {
      clearTimeout(noticeTimer);
      bar.remove();
    };
    const sentence = document.createElement("span");
    sentence.textContent = text;
    const buttons = [];
    if (action) buttons.push(button(action, () => (close(), run())));
    const cross = button("×", close);
    cross.setAttribute("aria-label", say("notice_close"));
    bar.replaceChildren(sentence, ...buttons, cross);
    // An open dialog would lie above everything else, whatever its z-index.
    (document.querySelector("dialog[open]") || document.body).append(bar);
    clearTimeout(noticeTimer);
    noticeTimer = setTimeout(close, seconds * 1000);
  }

  function button(text, run, look = "") {
    const made = document.createElement("button");
    made.type = "button";
    made.className = look;
    made.textContent = text;
    made.addEventListener("click", run);
    return made;
  }

  // Gradio tells of lost connections and broken handlers in boxes of its own, and in English.
  function retell() {
    const seen = new WeakSet();
    new MutationObserver(() => {
      for (const box of document.querySelectorAll(".toast-body")) {
        if (seen.has(box)) continue;
        seen.add(box);
        const text = (box.querySelector(".toast-text") || box).textContent.trim();
        if (/connection|network/i.test(text)) notice(say("connection_lost"), { isError: true, seconds: 600 });
        else notice(/^(unexpected )?error\.?$/i.test(text) ? say("broken_inside") : text, { isError: true });
      }
    }).observe(document.body, { childList: true, subtree: true });
  }

  function newKey() {
    // randomUUID exists only where the page came over https or from this machine.
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // What stands in a fold is asked for when it is unfolded, and again while the page around it
  // changes. Returns what is to be called after a change.
  const AGAIN_MS = 1500;
  function folds(root, ask) {
    const askedAt = {};
    const read = (fold) => {
      askedAt[fold.dataset.asks] = Date.now();
      ask(fold.dataset.asks);
    };
    root.addEventListener("toggle", ({ target }) => target.dataset.asks && target.open && read(target), true);
    return () => {
      for (const fold of root.querySelectorAll("details[data-asks][open]")) {
        if (Date.now() - (askedAt[fold.dataset.asks] || 0) > AGAIN_MS) read(fold);
      }
    };
  }

  // Answers of the server that belong into a slot somewhere on the page.
  const receivers = {};
  function answers(props, watch) {
    watch("value", () => {
      const answer = props.value || {};
      const [kind] = (answer.to || "").split(":");
      if (receivers[kind]) receivers[kind](answer);
    });
  }
  receivers.refused = () => komadori.sent();
  receivers.same = () => komadori.listed?.();
  receivers.notice = (answer) => notice(answer.text, { isError: answer.error });
  for (const kind of ["log", "runs", "versions"]) {
    receivers[kind] = (answer) => {
      for (const slot of document.querySelectorAll("[data-slot]")) {
        if (slot.dataset.slot === answer.to) patch(slot, parse(answer.html));
      }
    };
  }

  function setShade(shade) {
    document.body.classList.toggle("dark", shade === "dark");
    document.documentElement.style.colorScheme = shade;
    document.documentElement.style.background = shade === "dark" ? "#161513" : "#FAF8F4";
  }

  function keepShade() {
    const wanted = () => {
      const chosen = store.get("shade");
      return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    };
    setShade(wanted());
    // Gradio follows the system's shade on its own; the reader's choice stands above it.
    new MutationObserver(() => {
      if (document.body.classList.contains("dark") !== (wanted() === "dark")) setShade(wanted());
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  function header(element) {
    const mark = element.querySelector("[data-language]");
    for (const choice of element.querySelectorAll("[data-language]")) {
      choice.setAttribute("aria-pressed", String(choice.dataset.language === language));
      choice.addEventListener("click", () => {
        document.cookie = `komadori_language=${choice.dataset.language}; path=/; max-age=31536000; samesite=lax`;
        location.reload();
      });
    }
    mark.parentElement.setAttribute("aria-label", say("switch_language"));
    const shade = element.querySelector("[data-shade]");
    shade.setAttribute("aria-label", say("switch_shade"));
    shade.title = say("switch_shade");
    shade.addEventListener("click", () => {
      const next = document.body.classList.contains("dark") ? "light" : "dark";
      store.set("shade", next);
      setShade(next);
    });
  }

  const ROOMS = ["studio", "frame", "clip", "jobs", "health"]; // as they stand in the page
  const room = (name) => document.querySelectorAll('#rooms > .tab-wrapper [role="tab"]')[ROOMS.indexOf(name)]?.click();

  // Gradio opens its description of the API from its own footer only, which is hidden here.
  function describeApi() {
    const button = document.querySelector("footer button.show-api");
    // With ?view=api it takes the description for open, and has not loaded it: close it first.
    if (new URLSearchParams(location.search).get("view") === "api") button?.click();
    button?.click();
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#colophon a")) return;
    event.preventDefault();
    describeApi();
  });

  keepShade();
  retell();
  return { say, store, patch, parse, quietly, pieces, notice, button, newKey, folds, answers, receivers, header, room, describeApi, isStill, language };
})();
