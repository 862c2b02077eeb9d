// The form: counts characters, keeps a draft, sends once, shows the cast.
(() => {
  const km = window.komadori;
  const limits = window.KOMADORI_LIMITS;
  let filling = null;

  const length = (text) => [...text.trim()].length;

  function count(text) {
    const line = document.querySelector("#story-count");
    if (!line) return;
    const size = length(text);
    const key = size < limits.least ? "story_count_short" : "story_count";
    const number = (value) => value.toLocaleString("en");
    line.textContent = km.say(key, { length: number(size), most: number(limits.most), least: limits.least });
    line.classList.toggle("is-wrong", size > limits.most || (size > 0 && size < limits.least));
  }

  // Called with every value of the form whenever one changes.
  km.keepDraft = (...values) => {
    filling = null;
    count(values[0] || "");
    km.store.set("draft", JSON.stringify(values));
    wanted = values[1] || limits.panels;
    km.ghosts();
    tellCost();
    return presetOf(values.slice(2, -2));
  };

  // The preset that the style amounts to, in whichever language it was filled in; null is none.
  const presets = window.KOMADORI_PRESETS;
  function presetOf(style) {
    const written = style.map((text) => (text || "").trim()).join("\n");
    for (const words of Object.values(presets)) {
      for (const name of Object.keys(words)) if (words[name].join("\n") === written) return name;
    }
    return null;
  }
  km.presetWords = (name) => presets[km.language][name];

  // The empty stage has one ghost for each panel that is asked for, small enough that all are seen.
  let wanted = limits.panels;
  km.ghosts = () => {
    const place = document.querySelector("[data-ghosts]");
    if (!place || place.children.length === wanted) return;
    place.style.setProperty("--columns", Math.max(3, Math.ceil(Math.sqrt(wanted * 0.74))));
    place.replaceChildren(...Array.from({ length: wanted }, (_, index) =>
      km.parse(`<span class="panel is-queued"><span class="picture"><b class="number">${index + 1}</b></span></span>`)));
  };

  // Gradio names some of its parts in English and others not at all.
  function rename() {
    const set = (node, name, value) => node && node.getAttribute(name) !== value && node.setAttribute(name, value);
    set(document.querySelector('#panels input[type="number"]'), "aria-label", km.say("panels_number"));
    set(document.querySelector('#panels input[type="range"]'), "aria-label", km.say("panels_label"));
    const presetsTitle = document.querySelector('#presets > [data-testid="block-info"]');
    if (presetsTitle) presetsTitle.id = "presets-title";
    const group = document.querySelector("#presets");
    set(group, "role", "radiogroup");
    set(group, "aria-labelledby", "presets-title");
    for (const choice of document.querySelectorAll("#presets input")) set(choice, "name", "preset"); // arrows walk one group
    for (const fold of document.querySelectorAll("#form .label-wrap")) set(fold, "aria-expanded", String(fold.classList.contains("open")));
    document.querySelectorAll("#samples button").forEach((button, index) => set(button, "lang", ["en", "zh-CN"][index]));
  }
  new MutationObserver(() => document.querySelector("#form") && rename()).observe(document.documentElement, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["aria-label", "class", "name"],
  });

  // Who draws, and what so many panels cost there.
  let provider = null;
  km.studioProvider = (element, trigger, props, watch) => {
    const box = document.createElement("div");
    element.append(box);
    provider = km.providerChoice(box, {
      id: "studio-provider",
      trigger,
      value: () => props.value || "auto",
      choose: (name) => (props.value = name),
      told: tellCost,
    });
    watch("value", provider.draw);
    provider.draw();
  };
  function tellCost() {
    const line = document.querySelector("#draw-hint .cost");
    if (line && provider) line.textContent = provider.isAlone() ? "" : provider.cost(wanted);
  }

  // The first visit finds a sample ready to draw.
  km.draft = () => {
    let values = null;
    try {
      values = JSON.parse(km.store.get("draft"));
    } catch {
      // A draft of an older page: begin anew.
    }
    // A draft from before one could choose who draws.
    if (Array.isArray(values) && values.length === limits.fields - 1) values.splice(-1, 0, "auto");
    if (!Array.isArray(values) || values.length !== limits.fields) {
      values = [window.KOMADORI_SAMPLES[km.language], limits.panels, "", "", "", "", "", "", "", "auto", []];
    }
    wanted = values[1] || limits.panels;
    km.ghosts();
    tellCost();
    if (new URLSearchParams(location.search).get("view") === "api") km.describeApi();
    setTimeout(() => count(values[0] || ""), 0);
    return values;
  };

  // Two clicks on one filling of the form are one job: they carry the same key.
  km.sending = (values) => {
    filling = filling || km.newKey();
    const button = document.querySelector("#draw");
    if (button) {
      button.dataset.words = button.dataset.words || button.textContent;
      button.setAttribute("aria-busy", "true");
    }
    setTimeout(km.sent, 8000);
    return [...values.slice(0, -1), filling];
  };
  km.sent = () => document.querySelector("#draw")?.removeAttribute("aria-busy");
  km.answered = () => {
    const wasSending = Boolean(document.querySelector("#draw[aria-busy]"));
    km.sent();
    const used = filling;
    setTimeout(() => {
      if (filling === used) filling = null;
    }, 2000);
    return wasSending;
  };

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    if (document.querySelector("dialog[open]") || !document.querySelector("#draw")?.offsetParent) return;
    event.preventDefault();
    document.querySelector("#draw").click();
  });

  // The picker offers pictures first; what is chosen is checked by the server all the same.
  document.addEventListener("click", (event) => {
    if (event.target.matches?.('#cast-add input[type="file"]')) event.target.accept = "image/*";
  }, true);

  km.cast = (element, props, watch) => {
    const draw = () => {
      const cast = Array.isArray(props.value) ? props.value : [];
      element.replaceChildren(...(cast.length ? cast.map(chip) : [hint()]));
    };
    const hint = () => {
      const line = document.createElement("p");
      line.className = "quiet";
      line.textContent = km.say("cast_empty");
      return line;
    };
    const chip = (person, index) => {
      const made = document.createElement("span");
      made.className = "person";
      if (person.reference) {
        const face = document.createElement("img");
        face.src = `/files/${encodeURIComponent(person.reference)}/thumb`;
        face.alt = km.say("cast_with_picture");
        made.append(face);
      }
      const words = document.createElement("span");
      const name = document.createElement("b");
      name.textContent = person.name;
      words.append(name);
      if (person.description) words.append(` ${person.description}`);
      words.title = person.description || "";
      const remove = km.button("×", () => {
        props.value = props.value.filter((_, at) => at !== index);
        draw();
      });
      remove.setAttribute("aria-label", km.say("cast_remove", { name: person.name }));
      made.append(words, remove);
      return made;
    };
    watch("value", draw);
    draw();
  };
})();
